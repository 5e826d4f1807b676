import type { NewAuditEvent } from '@countersign/contract/platform'
import type { Refusal } from '@countersign/layers'
import type { Workload } from '@countersign/service'
import type { Covered, Wanted } from './plan-revocation.ts'

/** Who asks, and how to find the request again. */
interface RevocationAsker {
  readonly workload: string
  readonly requestId: string
}
export interface Asking {
  readonly wanted: Wanted
  readonly reason: string
  readonly asker: RevocationAsker
}

/**
 * What is told of revocations. The intent is on record before anything is taken back, and what became of it before the
 * answer leaves. Rejects where it cannot be recorded: then nothing is done.
 */
export interface RevocationEvents {
  intended(asking: Asking): Promise<void>
  revoked(asking: Asking, covered: readonly Covered[]): Promise<void>
  refused(asking: Asking, refusal: Refusal): Promise<void>
}

export function createRevocationEvents({
  audit,
  log,
  metrics,
}: Pick<Workload, 'audit' | 'log' | 'metrics'>): RevocationEvents {
  const total = metrics.counter(
    'countersign_revocations_total',
    'Requests to take certificates back, and what became of them',
    ['result'],
  )
  return {
    async intended(asking) {
      await audit.recordDurably(event(asking, 'intent', {}))
    },
    async revoked(asking, covered) {
      total.inc({ result: 'revoked' })
      const serials = covered.map(({ serial }) => serial)
      log.warn(
        { ...asking.wanted, reason: asking.reason, serials: serials.slice(0, 16) },
        'revoked',
      )
      const details = { count: serials.length, serials: serials.join(' ').slice(0, 512) }
      await audit.recordDurably(event(asking, 'success', details))
    },
    async refused(asking, refusal) {
      total.inc({ result: refusal.code })
      log.warn({ ...asking.wanted, err: refusal }, 'nothing was revoked')
      const base = event(asking, 'refused', {})
      await audit.recordDurably({
        ...base,
        event: { ...base.event, code: refusal.code, reason: refusal.message.slice(0, 1_024) },
      })
    },
  }
}

function event(
  { wanted, reason, asker }: Asking,
  status: NewAuditEvent['status'],
  details: Record<string, string | number>,
): NewAuditEvent {
  return {
    ...{ action: 'certificate.revoke', status, userId: null },
    event: {
      kind: 'event',
      category: ['iam'],
      type: [status === 'refused' ? 'denied' : 'deletion'],
    },
    client: { workload: asker.workload },
    http: { request: { id: asker.requestId } },
    countersign: { details: { ...wanted, reason, ...details } },
  }
}
