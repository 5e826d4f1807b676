import { exportRoot as takeOffLine } from '@countersign/authority'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { short } from '../../authorities/certificate-tables.ts'
import { type MoveRootOptions, moveRoot } from '../../authorities/move-root.ts'
import type { Desk } from '../../desk.ts'
import { DeskError, systemCode } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { printable } from '../../terminal/printable.ts'

/**
 * `countersign cert export-root <file>`: the root's key leaves this machine's vault for a file under a passphrase. The
 * platform may run, and goes on as before; it makes no new intermediate while the key is away.
 */
export async function exportRoot(
  desk: Desk,
  path: string,
  options: MoveRootOptions & { root?: string },
): Promise<ExitCode> {
  const rootId = options.root === undefined ? undefined : await fullId(desk, options.root)
  const moved = await moveRoot(desk, path, {
    options,
    fresh: true,
    move: (move) => takeOffLine({ ...move, ...(rootId === undefined ? {} : { rootId }) }),
  })
  const { output } = desk
  if (options.json === true) output.json(moved)
  else {
    output.line(
      `the key of the root ${short(moved.id)} is in ${printable(moved.file)}, and here no more`,
    )
    output.note(
      'Keep file and passphrase apart, and a copy of each. Intermediates end one day: see',
    )
    output.note(
      'countersign cert forecast. Bring it back for that with: countersign cert import-root',
    )
  }
  return EXIT.ok
}

/** Key ids may be cut where that leaves one. */
async function fullId({ layout }: Desk, wanted: string): Promise<string> {
  const files = await readdir(join(layout.pki, 'roots')).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  })
  const ids = files.flatMap((file) => /^([0-9a-f]{40})\.json$/.exec(file)?.[1] ?? [])
  const found = ids.filter((id) => id.startsWith(wanted.toLowerCase()))
  const [one] = found
  if (one !== undefined && found.length === 1) return one
  const here = ids.length === 0 ? 'none is here' : `here are ${ids.map(short).join(', ')}`
  throw new DeskError('USAGE', `no single root begins with ${JSON.stringify(wanted)}; ${here}`)
}
