import type { Desk } from '../desk.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { RESTART_CALL_MS_MAX } from '../limits.ts'
import { askSupervisor } from '../supervisor/control-client.ts'
import { readStatus } from './status.ts'

/**
 * `countersign restart <name…>`: each process leaves the registry, finishes what is under way, and comes back before the
 * next one goes. Of a name with several processes there is always one that answers.
 */
export async function restart(desk: Desk, names: readonly string[]): Promise<ExitCode> {
  const { processes } = await readStatus(desk)
  const wanted = names.flatMap((name) => {
    const ofName = processes.filter(({ service }) => service === name).map((each) => each.name)
    return ofName.length === 0 ? [name] : ofName
  })
  for (const instance of new Set(wanted)) {
    await askSupervisor(desk.layout, { op: 'restart-part', instance }, RESTART_CALL_MS_MAX)
    desk.output.note(`${instance} is ready again`)
  }
  return EXIT.ok
}
