import type { Desk } from '../../desk.ts'
import { DeskError } from '../../errors.ts'
import { EXIT, type ExitCode } from '../../exit-codes.ts'
import { servedLine, serves, waitUntilServed } from '../../kong/gateway-states.ts'
import { withControl } from '../../kong/with-control.ts'
import { countOption } from '../../options.ts'

interface RollbackOptions {
  readonly yes?: boolean
  readonly as: string
  readonly json?: boolean
}

/** `countersign gateway rollback <version>`: what was made after it is undone; history goes on. Asks first at a terminal. */
export async function rollback(
  desk: Desk,
  word: string,
  options: RollbackOptions,
): Promise<ExitCode> {
  const to = countOption('a version', word)
  if (options.yes !== true && !(await agreed(desk, to))) {
    desk.output.note('nothing was changed')
    return EXIT.failed
  }
  const { version, changed } = await withControl(desk, options.as, (control) =>
    control.rollback({ body: { version: to } }),
  )
  const states = await waitUntilServed(desk, version)
  if (options.json === true) desk.output.json({ version, changed, gateways: states.gateways })
  else
    desk.output.line(
      `back to what version ${to} was: version ${version}, ${changed} entities changed, ${servedLine(states, version)}`,
    )
  const present = states.gateways.filter((each) => each.present)
  return present.every((each) => serves(each, version)) ? EXIT.ok : EXIT.failed
}

async function agreed({ ask }: Desk, to: number): Promise<boolean> {
  if (ask === undefined)
    throw new DeskError('USAGE', 'nobody is here to ask; add --yes to undo changes')
  return ask.confirm(`Undo every change after version ${to}?`)
}
