import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Fault, type LogVerdict, readLogFolder, verifyLog } from '@countersign/audit'
import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { keepCheckpoint, readPinned } from '../../home/audit-pins.ts'
import { printable } from '../../terminal/printable.ts'

/**
 * `countersign audit verify`: proves the log as it lies on disk, whether the platform runs or not. The key is the one
 * that is given, or the one that was noted at the first start. 0 when all holds, 1 when anything does not.
 */
export async function verify(
  desk: Desk,
  options: { key?: string; json?: boolean },
): Promise<ExitCode> {
  const { layout, output } = desk
  if (!existsSync(join(layout.auditLog, 'checkpoint')))
    throw new DeskError('FAILED', `there is no audit log in ${layout.auditLog}`)
  const pinned = await readPinned(layout)
  const key = options.key ?? pinned.key
  if (key === undefined)
    throw new DeskError('USAGE', 'the key of the log was not noted here yet; give it with --key')
  const read = readLogFolder(layout.auditLog)
  const verdict = await proveWith(key, { read, since: pinned.checkpoint })
  if (verdict.ok) await keepCheckpoint(layout, await read('checkpoint'))
  if (options.json === true) output.json({ ...verdict, key })
  else output.line(render(verdict, desk))
  return verdict.ok ? EXIT.ok : EXIT.failed
}

async function proveWith(
  key: string,
  { read, since }: { read: ReturnType<typeof readLogFolder>; since: string | undefined },
): Promise<LogVerdict> {
  try {
    return await verifyLog({ key, read, ...(since === undefined ? {} : { since }) })
  } catch (error) {
    if (error instanceof TypeError)
      throw new DeskError('USAGE', `--key: ${error.message}`, { cause: error })
    throw error
  }
}

function render(verdict: LogVerdict, { output }: Desk): string {
  const { green, red, dim } = output.colours
  const { ok, origin, size, root, faults, faultCount } = verdict
  const about = `${printable(origin)}: ${size} entries, root ${root || '-'}`
  if (ok) return `${green('The whole log is proven.')}\n${dim(about)}`
  const more = faultCount > faults.length ? [`… and ${faultCount - faults.length} more`] : []
  return [
    red('The log is not as it was signed:'),
    ...faults.map((fault) => `  - ${faultLine(fault)}`),
    ...more,
    dim(about),
  ].join('\n')
}

function faultLine(fault: Fault): string {
  if (fault.kind === 'entry')
    return printable(`entry ${fault.index} (${fault.path}): ${fault.what}`)
  return printable(fault.kind === 'tile' ? `${fault.path}: ${fault.what}` : fault.what)
}
