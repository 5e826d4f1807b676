import { readFile } from 'node:fs/promises'
import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { currentLock } from '../home/lock.ts'
import { notRunning } from '../supervisor/control-client.ts'

/** `countersign prometheus`: the configuration that `up` wrote, for `prometheus --config.file`. */
export async function prometheus(desk: Desk, options: { path?: boolean }): Promise<ExitCode> {
  const { layout, output } = desk
  if (currentLock(layout) === undefined) throw notRunning(layout)
  if (options.path === true) output.line(layout.prometheus)
  else output.line((await readFile(layout.prometheus, 'utf8')).trimEnd())
  return EXIT.ok
}
