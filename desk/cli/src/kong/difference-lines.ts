import type { Judgement } from '@countersign/gateway'
import { DECISIONS_SHOWN_MAX } from '../limits.ts'
import type { Colours } from '../terminal/colours.ts'
import { printable } from '../terminal/printable.ts'
import type { Difference, Kind, RecordedRequest } from './decisions.ts'

/** Requests that would be decided otherwise, for people: how often, who asked what, and what decides before and after. */
export function differenceLines(found: readonly Difference[], colours: Colours): readonly string[] {
  const shown = found.slice(0, DECISIONS_SHOWN_MAX).flatMap((each) => linesOf(each, colours))
  const more = found.length - DECISIONS_SHOWN_MAX
  return more > 0 ? [...shown, `  … and ${more} more; all of them with --json`] : shown
}

function linesOf(
  { kind, request, before, after }: Difference,
  colours: Colours,
): readonly string[] {
  const paint = paintOf(kind, colours)
  return [
    `  ${paint(kind)}  ${request.times} × ${printable(wordsOf(request))}`,
    `      now   ${printable(ruleOf(before))}`,
    `      then  ${printable(ruleOf(after))}`,
  ]
}

const paintOf = (kind: Kind, { red, green, yellow }: Colours) =>
  kind === 'denied' ? red : kind === 'allowed' ? green : yellow

function wordsOf({ method, host, path, person }: RecordedRequest): string {
  const who = person === undefined ? 'nobody' : person.roles.join(', ') || 'no role'
  return `${method} ${host === 'localhost' ? '' : host}${path} by ${who}`
}

function ruleOf({ decision, route, rule, depends }: Judgement): string {
  const at =
    decision === 'pass' ? `passes to ${route}` : decision === 'refuse' ? 'refused' : 'answered'
  const others = depends.length === 0 ? '' : `; up to ${depends.join(', ')}`
  return `${at}: ${rule}${others}`
}
