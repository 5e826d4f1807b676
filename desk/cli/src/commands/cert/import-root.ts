import { importRoot as bringBack } from '@countersign/authority'
import { short } from '../../authorities/certificate-tables.ts'
import { type MoveRootOptions, moveRoot } from '../../authorities/move-root.ts'
import type { Desk } from '../../desk.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { printable } from '../../terminal/printable.ts'

/** `countersign cert import-root <file>`: the root's key comes back, for the rare act. The file stays as it is. */
export async function importRoot(
  desk: Desk,
  path: string,
  options: MoveRootOptions,
): Promise<ExitCode> {
  const moved = await moveRoot(desk, path, { options, fresh: false, move: bringBack })
  const { output } = desk
  if (options.json === true) output.json(moved)
  else {
    output.line(`the key of the root ${short(moved.id)} is here again`)
    output.note(`When the act is done: countersign cert export-root ${printable(path)}`)
  }
  return EXIT.ok
}
