import type { AuditEvent, NewAuditEvent } from '@countersign/contract/platform'
import { BoundedMap } from './domain/bounded-map.ts'
import { timeOf } from './domain/event-facts.ts'
import { SUPPRESS_MS, SUPPRESSED_MAX } from './limits.ts'
import type { Finding, Rule } from './rule.ts'

export interface Detection {
  /**
   * Alerts about an event: events of kind `alert`, one for each cause in a while. `now`: milliseconds since 1970, when the
   * event was received. Alerts themselves are not looked at.
   */
  observe(event: AuditEvent, now: number): NewAuditEvent[]
  /** What the rules have learned, as JSON: give it to `createDetection` after a restart. */
  save(): Readonly<Record<string, unknown>>
}

/** Rules over the stream of events. Pure but for its own bounded state: no clock, no file. */
export function createDetection(options: {
  readonly rules: readonly Rule[]
  /** What `save` gave; anything else is as good as nothing. */
  readonly state?: unknown
}): Detection {
  const saved = isRecord(options.state) ? options.state : {}
  const watching = options.rules.map((rule) => ({ rule, watcher: rule.watch(saved[rule.id]) }))
  const told = new BoundedMap<Told>(SUPPRESSED_MAX)
  return {
    observe(event, now) {
      if (event.event.kind === 'alert') return []
      const at = Math.max(now, timeOf(event, now))
      return watching.flatMap(({ rule, watcher }) =>
        watcher.observe(event, at).flatMap((finding) => {
          const held = holdBack(told, `${rule.id} ${finding.cause}`, at)
          return held === undefined ? [] : [alert(rule, finding, { event, held })]
        }),
      )
    },
    save: () =>
      Object.fromEntries(
        watching.flatMap(({ rule, watcher }) => {
          const state = watcher.save?.()
          return state === undefined ? [] : [[rule.id, state]]
        }),
      ),
  }
}

interface Told {
  readonly until: number
  /** Findings since the alert that were not told. */
  held: number
}

/** How many findings of this cause were held back before this one; undefined where this one is to be held back too. */
function holdBack(told: BoundedMap<Told>, cause: string, now: number): number | undefined {
  const before = told.use(cause)
  if (before !== undefined && now < before.until) {
    before.held++
    return undefined
  }
  told.set(cause, { until: now + SUPPRESS_MS, held: 0 })
  return before?.held ?? 0
}

function alert(
  rule: Rule,
  finding: Finding,
  { event, held }: { event: AuditEvent; held: number },
): NewAuditEvent {
  const { userId, user, client, http, trace } = event
  const request = http?.request
  return {
    action: 'detection.alert',
    userId,
    status: 'success',
    event: {
      kind: 'alert',
      category: ['intrusion_detection'],
      type: ['info'],
      reason: finding.reason.slice(0, 1_024),
    },
    rule: { id: rule.id, name: rule.name },
    ...(user === undefined ? {} : { user }),
    ...(client === undefined ? {} : { client }),
    ...(trace === undefined ? {} : { trace }),
    ...(request === undefined ? {} : { http: { request } }),
    countersign: {
      details: { event: event.id, action: event.action, service: event.serviceName },
      ...(held === 0 ? {} : { repeated: held + 1 }),
    },
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
