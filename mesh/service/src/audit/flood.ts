import type { NewAuditEvent } from '@countersign/contract/platform'
import { REFUSAL_KINDS_MAX, REFUSALS_PER_SECOND_MAX } from './limits.ts'

/*
 * A flood of refusals must not drown the log. In each second so many are stored one by one; beyond that, refusals
 * of the same action, code and client become one event, the first of them, with the count in `countersign.repeated`.
 */
export interface Flood {
  readonly second: number
  stored: number
  readonly kinds: Map<string, { readonly first: NewAuditEvent; count: number }>
  /** Refusals of yet other kinds, which are told apart no more. */
  others: number
}

export const newFlood = (now: number): Flood => ({
  second: Math.floor(now / 1_000),
  stored: 0,
  kinds: new Map(),
  others: 0,
})

/** Whether the event is to be stored by itself; if not, it has been counted in `flood`. */
export function admit(flood: Flood, event: NewAuditEvent): boolean {
  if (event.status !== 'refused') return true
  if (flood.stored < REFUSALS_PER_SECOND_MAX) {
    flood.stored++
    return true
  }
  const kind = kindOf(event)
  const seen = flood.kinds.get(kind)
  if (seen !== undefined) seen.count++
  else if (flood.kinds.size < REFUSAL_KINDS_MAX) flood.kinds.set(kind, { first: event, count: 1 })
  else flood.others++
  return false
}

/** What is to be stored for all that was counted. */
export function summarise(flood: Flood): NewAuditEvent[] {
  const events = [...flood.kinds.values()].map(({ first, count }) => repeated(first, count))
  return flood.others === 0 ? events : [...events, repeated(OTHERS, flood.others)]
}

const OTHERS: NewAuditEvent = {
  action: 'audit.flood',
  userId: null,
  status: 'refused',
  event: {
    kind: 'event',
    category: ['network'],
    type: ['denied'],
    reason: 'refusals of more kinds than are counted apart in one second',
  },
}

function repeated(event: NewAuditEvent, count: number): NewAuditEvent {
  return { ...event, countersign: { ...event.countersign, repeated: count } }
}

function kindOf({ action, event, client }: NewAuditEvent): string {
  return JSON.stringify([action, event.code, client?.workload, client?.ip])
}
