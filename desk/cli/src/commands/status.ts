import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { askSupervisor } from '../supervisor/control-client.ts'
import { isWell, type PlatformStatus, statusSchema } from '../supervisor/control-protocol.ts'
import { statusTable } from '../terminal/status-table.ts'

/** `countersign status`: 0 when all is well, 1 when something is not ready, 3 when nothing runs. */
export async function status(desk: Desk, options: { json?: boolean }): Promise<ExitCode> {
  const now = await readStatus(desk)
  if (options.json === true) desk.output.json(now)
  else {
    const { line, colours } = desk.output
    line(statusTable(now, colours, Date.now()))
    line()
    line(colours.dim(`${now.publicUrl}  supervisor pid ${now.pid}  state ${now.home}`))
  }
  return isWell(now) ? EXIT.ok : EXIT.failed
}

export async function readStatus(desk: Desk): Promise<PlatformStatus> {
  return statusSchema.parse(await askSupervisor(desk.layout, { op: 'status' }))
}
