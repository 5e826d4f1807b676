import { readConfig } from '../config/config.ts'
import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { alreadyRunning, currentLock } from '../home/lock.ts'
import { START_CALL_MS_MAX } from '../limits.ts'
import { askSupervisor } from '../supervisor/control-client.ts'
import { isWell } from '../supervisor/control-protocol.ts'
import { startDetached } from '../supervisor/detach.ts'
import { runSupervisor } from '../supervisor/run-supervisor.ts'
import { createProgress } from '../terminal/progress.ts'
import { welcome } from '../terminal/welcome.ts'
import { readStatus } from './status.ts'

/**
 * `countersign up`: in the foreground until Ctrl-C, or detached until `countersign down`; then 1 where it runs and not all
 * is ready.
 */
export async function up(
  desk: Desk,
  instance: string | undefined,
  options: { detach?: boolean; oneProcess?: boolean },
): Promise<ExitCode> {
  if (instance !== undefined) {
    await askSupervisor(desk.layout, { op: 'start-part', instance }, START_CALL_MS_MAX)
    desk.output.note(`${instance} is ready`)
    return EXIT.ok
  }
  // Read here as well where the start is handed on: mistakes should be said where they are seen.
  const config = readConfig(desk.env, desk.folder)
  const lock = currentLock(desk.layout)
  if (lock !== undefined) throw alreadyRunning(lock)
  const progress = createProgress(desk.output)
  const oneProcess = options.oneProcess === true
  if (options.detach === true) {
    try {
      await startDetached(desk, { oneProcess, onProgress: progress.step })
    } finally {
      progress.clear()
    }
    const status = await readStatus(desk)
    desk.output.line(welcome(desk, { config, status }))
    return isWell(status) ? EXIT.ok : EXIT.failed
  }
  return runSupervisor(
    desk,
    { config, oneProcess },
    {
      progress: progress.step,
      ready: (status) => {
        progress.clear()
        desk.output.line(welcome(desk, { config, status }))
        desk.output.note('')
        desk.output.note(desk.output.colours.dim('Ctrl-C stops everything.'))
      },
      note: (text) => {
        progress.clear()
        desk.output.note(text)
      },
    },
  )
}
