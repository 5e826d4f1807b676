import type { Desk } from '../../desk.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { readStates, serves } from '../../kong/gateway-states.ts'
import { printable } from '../../terminal/printable.ts'
import { table } from '../../terminal/table.ts'

/** `countersign gateway status`: 0 when every gateway that is there runs with the newest version. */
export async function status(desk: Desk, options: { json?: boolean }): Promise<ExitCode> {
  const states = await readStates(desk)
  const { version, gateways } = states
  const present = gateways.filter((each) => each.present)
  const good = present.length > 0 && present.every((each) => serves(each, version))
  if (options.json === true) desk.output.json({ ...states, allServeNewest: good })
  else {
    const { bold, green, red, dim } = desk.output.colours
    const rows = gateways.map((each) => [
      printable(each.instance),
      String(each.applied),
      each.present ? (serves(each, version) ? green('newest') : red('behind')) : dim('away'),
      printable(each.fault ?? ''),
    ])
    desk.output.line(`newest version: ${version}\n`)
    desk.output.line(table(['gateway', 'version', 'is', 'why'].map(bold), rows))
  }
  return good ? EXIT.ok : EXIT.failed
}
