import { X509Certificate } from 'node:crypto'
import type { Issued, NewAuditEvent } from '@countersign/contract/platform'
import { readCertificate } from '@countersign/ground/x509'
import type { Refusal } from '@countersign/layers'
import type { Workload } from '@countersign/service'
import type { IssueKind } from './issuing/issue-request.ts'
import type { IssuedRecord } from './issuing/issued-record.ts'

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
  /** An answer that had got lost was given once more. */
  repeated(issued: Issued, asker: Asker): void
  refused(kind: IssueKind, refusal: Refusal, asker: Asker): void
  /** Load that was shed is counted, not stored. */
  shed(reason: string): void
  minted(name: string, expiresAt: Date, asker: Asker): Promise<void>
  /** A certificate whose issuance a crash cut off: nobody has it. */
  abandoned(record: IssuedRecord): Promise<void>
  /** Nobody says that he shows this certificate: its name's owner did not ask for it, or has lost it. */
  unclaimed(record: IssuedRecord): Promise<void>
}

export function createEvents({ audit, log, metrics }: Workload): Events {
  const { issuedTotal, refusedTotal, unclaimedTotal, abandonedTotal } = createCounters(metrics)
  return {
    issued(kind, issued, asker) {
      const { serial, lineage, authorityKeyId = '', notAfter } = factsOf(issued)
      const details = {
        ...{ serial, issuer: authorityKeyId, notAfter: iso(notAfter), kind },
        ...(lineage === undefined ? {} : { lineage }),
      }
      issuedTotal.inc({ kind })
      const action = kind === 'renew' ? 'certificate.renew' : 'certificate.issue'
      audit.record({ ...event(action, 'success', asker), countersign: { details } })
      log.info({ for: asker.workload, serial, kind }, 'signed a certificate')
    },
    repeated(issued, asker) {
      const { serial } = factsOf(issued)
      const details = { serial }
      audit.record({ ...event('certificate.repeat', 'success', asker), countersign: { details } })
      log.info({ for: asker.workload, serial }, 'gave the answer to a join once more')
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
    async abandoned(record) {
      abandonedTotal.inc()
      log.warn({ serial: record.serial, name: record.name }, 'a crash cut an issuance off')
      await audit.recordDurably(recordEvent('certificate.abandon', record))
    },
    async unclaimed(record) {
      unclaimedTotal.inc()
      log.warn({ serial: record.serial, name: record.name }, 'nobody claims a certificate')
      await audit.recordDurably(recordEvent('certificate.unclaimed', record))
    },
  }
}

function createCounters(metrics: Workload['metrics']) {
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    metrics.counter(`countersign_certificates_${name}_total`, help, [...labels])
  return {
    issuedTotal: counter('issued', 'Certificates that were signed', ['kind']),
    refusedTotal: counter('refused', 'Certificate requests that were refused', ['kind', 'code']),
    unclaimedTotal: counter('unclaimed', 'Certificates that no instance says it shows'),
    abandonedTotal: counter('abandoned', 'Certificates whose issuance a crash cut off'),
  }
}

function factsOf(issued: Issued) {
  return readCertificate(new X509Certificate(issued.chain).raw)
}

const iso = (ms: number): string => new Date(ms).toISOString()

/** An event about a certificate on record, which no request of this moment has brought about. */
function recordEvent(action: string, record: IssuedRecord): NewAuditEvent {
  const { serial, lineage, name, kind, notAfter, askedAt } = record
  const details = {
    serial,
    lineage,
    for: name,
    kind,
    askedAt: iso(askedAt),
    notAfter: iso(notAfter),
  }
  return {
    action,
    status: 'failure',
    userId: null,
    event: { kind: 'event', category: ['iam'], type: ['info'] },
    countersign: { details },
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
