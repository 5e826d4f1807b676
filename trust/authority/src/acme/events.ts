import type { NewAuditEvent, RevocationReason } from '@countersign/contract/platform'
import { addressKey } from '@countersign/layers'
import type { Workload } from '@countersign/service'
import type { Account } from './account/account.ts'
import type { HeldCertificate } from './certificate/certificate-store.ts'
import { RateBuckets } from './domain/bucket.ts'
import { RECORDED_REFUSALS } from './limits.ts'
import type { ChallengeType, Order } from './order/order.ts'
import type { AcmeProblem } from './problem.ts'

/** Where a request came from, and how to find it again. */
interface AcmeAsker {
  readonly address: string
  readonly requestId: string
}

/** What the ACME server tells: audit event, metric and log line of one happening leave together. */
export interface AcmeEvents {
  /** On record when it resolves. */
  account(what: AccountAct, account: Account, asker: AcmeAsker): Promise<void>
  keyMade(
    key: { id: string; label: string },
    asker: { workload: string; requestId: string },
  ): Promise<void>
  validated(outcome: {
    readonly account: Account
    readonly name: string
    readonly type: ChallengeType
    readonly problem: AcmeProblem | undefined
  }): void
  /** `others`: accounts that hold a certificate for one of these names, and did not ask for this one. */
  issued(order: Order, certificate: HeldCertificate, others: readonly string[]): void
  notIssued(order: Order, problem: AcmeProblem): void
  revoked(certificate: HeldCertificate, reason: RevocationReason, asker: AcmeAsker): void
  /** `resource` is the pattern of its path. */
  refused(resource: string, problem: AcmeProblem, asker: AcmeAsker): void
}
type AccountAct = 'create' | 'update' | 'deactivate' | 'rekey'

type Tools = Pick<Workload, 'audit' | 'log' | 'metrics'>

export function createAcmeEvents(tools: Tools): AcmeEvents {
  return { ...accountEvents(tools), ...orderEvents(tools), refused: refusals(tools) }
}

function accountEvents({ audit, log }: Tools): Pick<AcmeEvents, 'account' | 'keyMade'> {
  return {
    async account(what, account, asker) {
      const type = what === 'create' ? 'creation' : what === 'deactivate' ? 'deletion' : 'change'
      const { id, keyId = 'none' } = account
      await audit.recordDurably({
        ...event(`acme.account.${what}`, 'success', type),
        ...from(asker),
        countersign: { details: { account: id, keyId, contacts: account.contacts.join(' ') } },
      })
      log.info({ account: id, keyId, what }, 'an ACME account changed')
    },
    async keyMade({ id, label }, { workload, requestId }) {
      await audit.recordDurably({
        ...event('acme.key.create', 'success', 'creation'),
        client: { workload },
        http: { request: { id: requestId } },
        countersign: { details: { keyId: id, label } },
      })
    },
  }
}

function orderEvents(
  tools: Tools,
): Pick<AcmeEvents, 'validated' | 'issued' | 'notIssued' | 'revoked'> {
  const { audit, log, metrics } = tools
  const validations = metrics.counter(
    'countersign_acme_validations_total',
    'Challenges that were decided',
    ['type', 'outcome'],
  )
  const orders = metrics.counter('countersign_acme_orders_total', 'Orders that were finalized', [
    'outcome',
  ])
  return {
    validated({ account, name, type, problem }) {
      validations.inc({ type, outcome: problem?.type ?? 'valid' })
      const details = { account: account.id, name, method: type }
      if (problem !== undefined) log.warn({ ...details, err: problem }, 'a name was not proven')
      audit.record({ ...outcome('acme.validate', problem), countersign: { details } })
    },
    issued({ id }, { account, serial, names }, others) {
      orders.inc({ outcome: 'issued' })
      const details = { account, order: id, serial, names: names.join(',').slice(0, 512) }
      audit.record({ ...event('acme.issue', 'success', 'creation'), countersign: { details } })
      log.info(details, 'signed a certificate for an ACME order')
      for (const holder of others) tellHolder(tools, { ...details, holder })
    },
    notIssued({ id, account }, problem) {
      orders.inc({ outcome: problem.type })
      const details = { account, order: id }
      log.warn({ ...details, err: problem }, 'an ACME order has failed')
      audit.record({ ...outcome('acme.issue', problem), countersign: { details } })
    },
    revoked({ account, serial }, reason, asker) {
      const details = { account, serial, reason }
      const base = event('acme.revoke', 'success', 'deletion')
      audit.record({ ...base, ...from(asker), countersign: { details } })
      log.info(details, 'revoked a certificate of an ACME account')
    },
  }
}

/** A name's owner is told of a certificate that he did not ask for: detection makes an alert of it. */
function tellHolder({ audit, log }: Tools, details: Record<string, string>): void {
  audit.record({ ...event('acme.unexpected', 'success', 'info'), countersign: { details } })
  log.warn(details, 'another account got a certificate for a name that this holder has one for')
}

function refusals({ audit, log, metrics }: Tools): AcmeEvents['refused'] {
  const total = metrics.counter(
    'countersign_acme_refused_total',
    'ACME requests that were refused',
    ['resource', 'type'],
  )
  const recorded = new RateBuckets(RECORDED_REFUSALS)
  return (resource, problem, asker) => {
    total.inc({ resource, type: problem.type })
    if (problem.type === 'serverInternal')
      log.error({ err: problem, resource, ...asker }, 'an ACME request failed')
    // These come by the thousand from clients that do nothing wrong, or shed load: counted, not stored.
    if (problem.type === 'badNonce' || problem.type === 'rateLimited') return
    if (recorded.take(addressKey(asker.address), Date.now()) > 0) return
    audit.record({
      ...outcome('acme.refuse', problem),
      client: { ip: asker.address },
      http: { request: { id: asker.requestId }, response: { status_code: problem.status } },
      countersign: { door: `authority ${resource}`, rule: problem.message.slice(0, 1_024) },
    })
  }
}

function event(
  action: string,
  status: NewAuditEvent['status'],
  type: NewAuditEvent['event']['type'][number],
): NewAuditEvent {
  return { action, status, userId: null, event: { kind: 'event', category: ['iam'], type: [type] } }
}

function outcome(action: string, problem: AcmeProblem | undefined): NewAuditEvent {
  if (problem === undefined) return event(action, 'success', 'allowed')
  const failed = problem.type === 'serverInternal'
  const base = event(action, failed ? 'failure' : 'refused', failed ? 'error' : 'denied')
  const reason = problem.message.slice(0, 1_024)
  return { ...base, event: { ...base.event, code: problem.type, reason } }
}

function from({ address, requestId }: AcmeAsker): Pick<NewAuditEvent, 'client' | 'http'> {
  return { client: { ip: address }, http: { request: { id: requestId } } }
}
