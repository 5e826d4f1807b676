import type { Blocker, NewAuditEvent } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Workload } from '@countersign/service'
import { shortId } from '../pki/create-ca.ts'
import type { StepAsker, TrustEvents } from './trust-events.ts'

/** Blockers that one record names. */
const NAMED_MAX = 32
const TEXT_MAX = 1_024

/** Tells the audit log, the metrics and the log what becomes of trust. */
export function createTrustEvents({
  audit,
  log,
  metrics,
}: Pick<Workload, 'audit' | 'log' | 'metrics'>): TrustEvents {
  const steps = metrics.counter(
    'countersign_rotation_steps_total',
    'Steps of rotations that were taken, refused, or failed',
    ['kind', 'step', 'result'],
  )
  const malformed = metrics.counter(
    'countersign_trust_malformed_total',
    'What other authorities said and was refused because it makes no sense',
    ['topic'],
  )
  return {
    async taking(step, asker) {
      const { kind, without, sequence } = step
      const details = {
        kind,
        step: step.step,
        sequence,
        actor: asker.actor,
        without: without.join(),
      }
      await audit.recordDurably({
        ...event('trust.rotate', 'success', asker),
        ...withDetails(details),
      })
      steps.inc({ kind, step: step.step, result: 'taken' })
      log.info(details, 'takes a step of a rotation')
    },
    failed({ kind, step }, asker, error) {
      steps.inc({ kind, step, result: 'failed' })
      const reason = messageOf(error).slice(0, TEXT_MAX)
      const base = event('trust.rotate', 'failure', asker)
      audit.record({ ...base, event: { ...base.event, reason }, ...withDetails({ kind, step }) })
      log.error({ err: error, kind, step }, 'a step of a rotation failed')
    },
    refused({ kind, step }, asker, blockers) {
      steps.inc({ kind, step, result: 'refused' })
      const base = event('trust.rotate', 'refused', asker)
      const details = { kind, step, actor: asker.actor, blockers: blockers.length }
      const reason = named(blockers).slice(0, TEXT_MAX)
      audit.record({ ...base, event: { ...base.event, reason }, ...withDetails(details) })
      log.warn({ ...details, reason }, 'a step of a rotation was refused')
    },
    acted(act) {
      const details =
        'id' in act
          ? { act: act.act, id: act.id }
          : { act: act.act, sequence: act.sequence, roots: act.roots.map(shortId).join() }
      audit.record({
        ...event('trust.act', 'success', { actor: 'authority' }),
        ...withDetails(details),
      })
      log.info(details, 'changed what is its own in the state of trust')
    },
    missing(root, why) {
      const base = event('trust.act', 'failure', { actor: 'authority' })
      const reason = why.slice(0, TEXT_MAX)
      const details = { act: 'intermediate.make', root }
      audit.record({ ...base, event: { ...base.event, reason }, ...withDetails(details) })
    },
    malformed(from, topic, error) {
      malformed.inc({ topic })
      const base = event('trust.sync', 'refused', { actor: from })
      const reason = messageOf(error).slice(0, TEXT_MAX)
      audit.record({ ...base, event: { ...base.event, reason }, ...withDetails({ topic, from }) })
    },
  }
}

function named(blockers: readonly Blocker[]): string {
  return blockers
    .slice(0, NAMED_MAX)
    .map(({ who, why }) => `${who}: ${why}`)
    .join('; ')
}

function event(
  action: string,
  status: NewAuditEvent['status'],
  { actor, requestId }: StepAsker,
): NewAuditEvent {
  return {
    action,
    status,
    userId: null,
    event: {
      kind: 'event',
      category: ['configuration'],
      type: [status === 'success' ? 'change' : status === 'refused' ? 'denied' : 'error'],
    },
    ...(actor === 'desk' ? { client: { workload: actor } } : {}),
    ...(requestId === undefined ? {} : { http: { request: { id: requestId } } }),
  }
}

function withDetails(
  details: Readonly<Record<string, string | number>>,
): Pick<NewAuditEvent, 'countersign'> {
  return { countersign: { details } }
}
