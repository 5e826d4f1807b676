import { X509Certificate } from 'node:crypto'
import type { Issued, NewAuditEvent } from '@countersign/contract/platform'
import type { Refusal } from '@countersign/layers'
import type { Workload } from '@countersign/service'
import type { IssueKind } from './issuing/issued-log.ts'

/** Who asked, and how to find the request again. */
export interface Asker {
  /** Short name of the workload; of one that joins, the name that its token is for. */
  readonly workload: string | undefined
  readonly requestId: string
  readonly address?: string | undefined
}

/** What the authority tells: audit event, metric and log line of one happening leave together. */
export interface Events {
  issued(kind: IssueKind, issued: Issued, asker: Asker): void
  refused(kind: IssueKind, refusal: Refusal, asker: Asker): void
  /** Load that was shed is counted, not stored. */
  shed(reason: string): void
  minted(name: string, expiresAt: Date, asker: Asker): Promise<void>
}

export function createEvents({ audit, log, metrics }: Workload): Events {
  const issuedTotal = metrics.counter(
    'countersign_certificates_issued_total',
    'Certificates that were signed',
    ['kind'],
  )
  const refusedTotal = metrics.counter(
    'countersign_certificates_refused_total',
    'Certificate requests that were refused',
    ['kind', 'code'],
  )
  return {
    issued(kind, issued, asker) {
      const { serialNumber, validToDate } = new X509Certificate(issued.chain)
      const details = { serial: serialNumber, notAfter: validToDate.toISOString(), kind }
      issuedTotal.inc({ kind })
      const action = kind === 'renew' ? 'certificate.renew' : 'certificate.issue'
      audit.record({ ...event(action, 'success', asker), countersign: { details } })
      log.info({ for: asker.workload, serial: serialNumber, kind }, 'signed a certificate')
    },
    refused(kind, refusal, asker) {
      refusedTotal.inc({ kind, code: refusal.code })
      audit.record(refusalEvent(kind, refusal, asker))
      log.warn({ err: refusal, for: asker.workload, kind }, 'refused a certificate request')
    },
    shed(reason) {
      refusedTotal.inc({ kind: 'join', code: reason })
    },
    async minted(name, expiresAt, asker) {
      const details = { for: name, expiresAt: expiresAt.toISOString() }
      await audit.recordDurably({
        ...event('token.mint', 'success', asker),
        countersign: { details },
      })
    },
  }
}

function event(action: string, status: NewAuditEvent['status'], asker: Asker): NewAuditEvent {
  return {
    action,
    status,
    userId: null,
    event: {
      kind: 'event',
      category: ['iam'],
      type: [status === 'success' ? 'creation' : 'denied'],
    },
    client: {
      ...(asker.workload === undefined ? {} : { workload: asker.workload }),
      ...(asker.address === undefined ? {} : { ip: asker.address }),
    },
    http: { request: { id: asker.requestId } },
  }
}

function refusalEvent(kind: IssueKind, refusal: Refusal, asker: Asker): NewAuditEvent {
  const base = event('certificate.refuse', 'refused', asker)
  const { rule, remedy } = refusal.facts
  return {
    ...base,
    event: { ...base.event, code: refusal.code, reason: refusal.message.slice(0, 1_024) },
    http: { ...base.http, response: { status_code: refusal.status } },
    countersign: {
      door: kind === 'join' ? 'authority join' : 'authority',
      hinge: refusal.hinge,
      ...(rule === undefined ? {} : { rule: rule.slice(0, 1_024) }),
      ...(remedy === undefined ? {} : { remedy }),
    },
  }
}
