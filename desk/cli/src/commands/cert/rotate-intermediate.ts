import type { Desk } from '../../desk.ts'
import type { ExitCode } from '../../exit-codes.ts'
import { type RotateOptions, rotateKind } from './rotate.ts'

/** `countersign cert rotate-intermediate`: new keys for the authorities below the same root. */
export const rotateIntermediate = (desk: Desk, options: RotateOptions): Promise<ExitCode> =>
  rotateKind(desk, 'intermediate', options)
