import type { Desk } from '../../desk.ts'
import type { ExitCode } from '../../exit-codes.ts'
import { type RotateOptions, rotateKind } from './rotate.ts'

/** `countersign cert rotate-root`: a new root in every bundle, then leaves below it, then the old one out. */
export const rotateRoot = (desk: Desk, options: RotateOptions): Promise<ExitCode> =>
  rotateKind(desk, 'root', options)
