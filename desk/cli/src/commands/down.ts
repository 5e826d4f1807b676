import { setTimeout as sleep } from 'node:timers/promises'
import { createLog } from '@countersign/ground/telemetry'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { currentLock } from '../home/lock.ts'
import { processStart } from '../home/process-time.ts'
import { wipeHome } from '../home/wipe.ts'
import { DOWN_MS_MAX } from '../limits.ts'
import { askSupervisor, notRunning } from '../supervisor/control-client.ts'

/** `countersign down`: returns when nothing of the platform runs any more. */
export async function down(
  desk: Desk,
  instance: string | undefined,
  options: { wipe?: boolean },
): Promise<ExitCode> {
  const { layout, output } = desk
  if (instance !== undefined) {
    await askSupervisor(layout, { op: 'stop-part', instance })
    output.note(`${instance} is stopped; start it again with: countersign up ${instance}`)
    return EXIT.ok
  }
  const lock = currentLock(layout)
  if (lock === undefined && options.wipe !== true) throw notRunning(layout)
  if (lock !== undefined) {
    await askSupervisor(layout, { op: 'stop' })
    const end = performance.now() + DOWN_MS_MAX
    while (processStart(lock.pid) === lock.started) {
      if (performance.now() > end)
        throw new DeskError(
          'FAILED',
          `the supervisor (pid ${lock.pid}) does not end; see: countersign logs supervisor`,
        )
      await sleep(50)
    }
    output.note('stopped')
  }
  if (options.wipe === true) {
    await wipeHome(layout, createLog({ service: 'desk', node: 'desk', level: 'silent' }))
    output.note(`forgotten: ${layout.root}`)
  }
  return EXIT.ok
}
