import { readConfig } from './config/config.ts'
import { openDesk } from './desk.ts'
import { DeskError } from './errors.ts'
import { EXIT } from './exit-codes.ts'
import type { DetachedMessage } from './supervisor/detach.ts'
import { runSupervisor } from './supervisor/run-supervisor.ts'
import { terminalOutput } from './terminal/output.ts'

/*
 * The supervisor in the background. Whoever started it waits for `ready` over IPC and lets go then; if that command
 * goes away before, so does the start.
 */
const output = terminalOutput('1')
const desk = openDesk({ env: process.env, folder: process.cwd(), output })
let ready = false
const tell = (message: DetachedMessage): void => {
  if (process.connected) process.send?.(message)
}
process.on('disconnect', () => {
  if (!ready) process.kill(process.pid, 'SIGTERM')
})

try {
  const config = readConfig(desk.env, desk.folder)
  const oneProcess = process.argv.includes('--one-process')
  process.exitCode = await runSupervisor(
    desk,
    { config, oneProcess },
    {
      progress: (text) => tell({ type: 'progress', text }),
      ready: () => {
        ready = true
        tell({ type: 'ready' })
      },
      note: output.note,
    },
  )
} catch (error) {
  const failure =
    error instanceof DeskError ? error : new DeskError('FAILED', String(error), { cause: error })
  output.note(failure.message)
  tell({ type: 'failed', code: failure.code, message: failure.message })
  process.exitCode = failure.exitCode ?? EXIT.failed
}
// The words above have to leave before we do.
if (process.connected) process.disconnect()
setImmediate(() => process.exit())
