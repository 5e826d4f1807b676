import type { Blocker } from '@countersign/contract/platform'
import type { Colours } from '../terminal/colours.ts'
import { printable } from '../terminal/printable.ts'
import { left } from '../terminal/status-table.ts'
import { short } from './certificate-tables.ts'

/** A process of ours or of a user, as in `order-1`. */
const INSTANCE = /^[a-z][a-z0-9-]*-[0-9]+$/

/** What stands in the way of a step: who, why, and what to do about each. */
export function blockerLines(
  blockers: readonly Blocker[],
  colours: Colours,
  now: number,
): readonly string[] {
  return blockers.flatMap((blocker) => [
    `  - ${colours.bold(printable(blocker.who))}: ${printable(blocker.why)}`,
    ...remediesOf(blocker, now).map((remedy) => `      ${colours.dim(printable(remedy))}`),
  ])
}

/** The ways out, the gentle ones first. */
function remediesOf({ who, serial, until }: Blocker, now: number): readonly string[] {
  const remedies: string[] = []
  if (INSTANCE.test(who))
    remedies.push(
      `look at it: countersign logs ${who}; start it anew: countersign down ${who} && countersign up ${who}`,
    )
  if (serial !== undefined)
    remedies.push(
      `take its certificate back, if nobody needs it: countersign cert revoke ${short(serial)}`,
    )
  if (until !== undefined)
    remedies.push(
      `wait: in ${left(until - now)} its certificate has expired, and it is no longer in the way`,
    )
  remedies.push(
    `go on without it, and answer for it: --without ${who.includes(' ') ? `'${who}'` : who}`,
  )
  return remedies
}
