import type { NewAuditEvent } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import { type Change, KongError } from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import type { Workload } from '@countersign/service'
import type { Cause } from './plane/control-plane.ts'
import type { Actor } from './store/control-store.ts'
import { tellChanges } from './tell-changes.ts'

type Told = Pick<Workload, 'log' | 'metrics' | 'audit'>
type Status = NewAuditEvent['status']

/** What the control plane tells: log, metric and audit event of one thing leave together. */
export interface Events {
  /** Resolves when it is on the spool. Rejects with Refusal AUDIT_UNAVAILABLE. */
  intended(cause: Cause, changes: readonly Change[]): Promise<void>
  changed(
    cause: Cause,
    made: { readonly version: number; readonly changes: readonly Change[] },
  ): void
  refused(cause: Cause, why: unknown): void
  /** The disk did not take it. */
  notKept(cause: Cause, why: unknown): void
  /** A request without a good key, or from a page of somebody else. */
  turnedAway(at: { readonly requestId: string; readonly what: string }, rule: string): void
  keys(cause: Cause, action: 'mint' | 'revoke', count: number): void
  file(problem: string | undefined): void
  answered(method: string, status: number, seconds: number): void
}

export function createEvents({ log, metrics, audit }: Told): Events {
  const changes = metrics.counter(
    'countersign_control_changes_total',
    'Changes of the configuration of the gateways, by outcome',
    ['outcome'],
  )
  const away = metrics.counter(
    'countersign_control_admin_refused_total',
    'Requests to the Admin API without a good key, a known host or within the limits',
    [],
  )
  const requests = metrics.histogram(
    'countersign_control_admin_seconds',
    'Time of requests to the Admin API',
    ['method', 'status'],
  )
  return {
    intended: (cause, made) => audit.recordDurably(event(cause, 'intent', tellChanges(made))),
    changed(cause, { version, changes: made }) {
      changes.inc({ outcome: 'made' })
      log.info(
        { version, what: cause.what, actor: cause.actor.name, entities: made.length },
        'configuration changed',
      )
      audit.record(event(cause, 'success', { version, ...tellChanges(made) }))
    },
    refused(cause, why) {
      changes.inc({ outcome: 'refused' })
      audit.record(withReason(event(cause, 'refused', {}), why))
    },
    notKept(cause, why) {
      changes.inc({ outcome: 'failed' })
      log.error({ err: why, what: cause.what }, 'a change could not be kept')
      audit.record(withReason(event(cause, 'failure', {}), why))
    },
    turnedAway({ requestId, what }, rule) {
      away.inc()
      const made = event({ actor: NOBODY, requestId, what }, 'refused', {})
      audit.record({
        ...made,
        action: 'control.admin',
        userId: null,
        event: {
          ...made.event,
          category: ['authentication'],
          type: ['denied'],
          reason: rule.slice(0, 512),
        },
        countersign: { ...made.countersign, hinge: 'authenticate', rule: rule.slice(0, 512) },
      })
    },
    keys(cause, action, count) {
      log.info({ actor: cause.actor.name, count }, `admin keys: ${action}`)
      const made = event(cause, 'success', { keys: count })
      audit.record({
        ...made,
        action: `admin-key.${action}`,
        event: { ...made.event, category: ['iam'] },
      })
    },
    file(problem) {
      if (problem === undefined) log.info('the declarative file is in effect')
      else
        log.error(
          { problem },
          'the declarative file cannot be used; the configuration before it stays',
        )
    },
    answered: (method, status, seconds) =>
      requests.observe({ method, status: String(status) }, seconds),
  }
}

const NOBODY: Actor = { id: '', name: '' }

function event(
  { actor, requestId, what }: Cause,
  status: Status,
  details: Record<string, string | number>,
): NewAuditEvent {
  return {
    action: 'control.change',
    userId: actor.id === '' ? null : actor.id,
    status,
    event: {
      kind: 'event',
      category: ['configuration'],
      type: status === 'refused' ? ['denied'] : ['change', 'admin'],
    },
    ...(actor.name === '' ? {} : { user: { name: actor.name } }),
    http: { request: { id: requestId } },
    countersign: { door: 'control', details: { what: what.slice(0, 500), ...details } },
  }
}

function withReason(made: NewAuditEvent, why: unknown): NewAuditEvent {
  const code =
    why instanceof KongError ? `KONG_${why.code}` : why instanceof Refusal ? why.code : 'INTERNAL'
  // Kong's sentence can repeat what was sent, and that could be a secret: which fields are wrong is enough.
  const reason =
    why instanceof KongError
      ? `${why.title}${why.fields === undefined ? '' : ` (${Object.keys(why.fields).join(', ')})`}`
      : messageOf(why)
  return { ...made, event: { ...made.event, code, reason: reason.slice(0, 500) } }
}
