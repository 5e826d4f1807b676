import type { Desk } from '../../desk.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { servedLine, serves, waitUntilServed } from '../../kong/gateway-states.ts'
import { readKongFile, unusable } from '../../kong/read-kong-file.ts'
import { withControl } from '../../kong/with-control.ts'

/**
 * `countersign gateway apply <file>`: one change, or none where the file has a mistake. 0 when every gateway serves it, 1
 * when one does not yet, 5 with all mistakes.
 */
export async function apply(
  desk: Desk,
  name: string,
  options: { as: string; json?: boolean },
): Promise<ExitCode> {
  const text = await readKongFile(desk, name)
  const loaded = await withControl(desk, options.as, (control) => control.load({ body: text }))
  if (!loaded.valid) throw unusable(text, loaded)
  const { version, changed } = loaded
  const states = await waitUntilServed(desk, version)
  if (options.json === true) desk.output.json({ version, changed, gateways: states.gateways })
  else
    desk.output.line(
      changed === 0
        ? `nothing changes; version ${version} is ${servedLine(states, version)}`
        : `version ${version}: ${changed} entities changed, ${servedLine(states, version)}`,
    )
  const present = states.gateways.filter((each) => each.present)
  return present.every((each) => serves(each, version)) ? EXIT.ok : EXIT.failed
}
