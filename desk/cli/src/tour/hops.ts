import { workloadId } from '@countersign/contract'
import type { AuditEvent } from '@countersign/contract/platform'
import {
  absence,
  callTo,
  type Evidence,
  type Finding,
  facts,
  outcomeOf,
  type Proof,
} from './evidence.ts'

export interface Hop {
  readonly number: number
  readonly from: string
  readonly to: string
  readonly find: (evidence: Evidence) => Finding
}

/*
 * The nine hops of a request through a system with mutual TLS, and what proves each: the side that was reached says
 * who reached it, and the side that came says whom it met. What only one side claims is not a proof.
 */
// biome-ignore format: a table
export const HOPS: readonly Hop[] = [
  { number: 1, from: 'user',      to: 'balancer',  find: userToBalancer },
  { number: 2, from: 'balancer',  to: 'gateway',   find: balancerToGateway },
  { number: 3, from: 'gateway',   to: 'order',     find: (e) => meshHop(e, 'gateway', 'order') },
  { number: 4, from: 'order',     to: 'payment',   find: (e) => meshHop(e, 'order', 'payment') },
  { number: 5, from: 'payment',   to: 'database',  find: paymentToDatabase },
  { number: 6, from: 'payment',   to: 'order',     find: (e) => meshAnswer(e, 'payment', 'order') },
  { number: 7, from: 'order',     to: 'gateway',   find: (e) => meshAnswer(e, 'order', 'gateway') },
  { number: 8, from: 'gateway',   to: 'balancer',  find: gatewayToBalancer },
  { number: 9, from: 'balancer',  to: 'user',      find: balancerToUser },
]

function userToBalancer(evidence: Evidence): Finding {
  const { connection } = evidence
  if (connection === undefined) return absence(evidence, 'no connection to the public door')
  const { protocol, cipher, peer, issuer, remotePort } = connection
  return {
    proof: { tls: protocol, cipher, serverCertificate: peer, issuer, publicPort: remotePort },
  }
}

/** The balancer reads nothing inside TLS; what it says travels before it, and the gateway writes it down. */
function balancerToGateway(evidence: Evidence): Finding {
  const entry = outcomeOf(evidence, 'gateway')
  const connection = entry?.event.countersign?.connection
  if (entry === undefined || connection === undefined)
    return absence(evidence, 'no gateway has recorded a connection from the balancer')
  const { event } = entry
  return {
    proof: facts({
      gateway: event.service?.node.name,
      proxyConnection: connection,
      clientAddress: event.client?.ip,
      tls: event.tls?.version,
      auditEntry: entry.index,
    }),
  }
}

/** Both sides have to name each other: the caller the callee's SPIFFE id, and the callee the caller's. */
function meshHop(evidence: Evidence, from: string, to: string): Finding {
  const caller = outcomeOf(evidence, from)
  const callee = outcomeOf(evidence, to)
  if (callee === undefined) return absence(evidence, `${to} has recorded no call from ${from}`)
  const { event } = callee
  const expected = workloadId(evidence.trustDomain, from)
  if (event.client?.workload !== expected)
    return {
      fault: `${to} was called by ${event.client?.workload ?? 'nobody known'}, not by ${expected}`,
    }
  return {
    proof: facts({
      caller: expected,
      callee: workloadId(evidence.trustDomain, to),
      tls: event.tls?.version,
      cipher: event.tls?.cipher,
      callerCertificate: event.tls?.client?.serial,
      seenByCaller: caller === undefined ? undefined : peerOf(callTo(caller.event, to)),
      ...authority(event),
      auditEntry: callee.index,
    }),
  }
}

/** What let the call in: the person's token, the rule and what is left of the limit. */
function authority(event: AuditEvent): Proof {
  const limit = event.countersign?.limit
  return facts({
    person: event.user?.name ?? event.userId ?? undefined,
    roles: event.user?.roles?.join(', '),
    rule: event.countersign?.rule,
    limit: limit?.policy,
    limitLeft: limit?.remaining,
  })
}

function paymentToDatabase(evidence: Evidence): Finding {
  const entry = outcomeOf(evidence, 'payment')
  const [witness] = entry?.event.countersign?.witness ?? []
  if (entry === undefined || witness === undefined)
    return absence(evidence, 'payment has recorded no work in its database')
  return { proof: { ...witness, auditEntry: entry.index } }
}

/** An answer comes back over the connection of the call: the caller has recorded it with the peer that gave it. */
function meshAnswer(evidence: Evidence, from: string, to: string): Finding {
  const receiver = outcomeOf(evidence, to)
  const call = receiver === undefined ? undefined : callTo(receiver.event, from)
  if (receiver === undefined || call === undefined)
    return absence(evidence, `${to} has recorded no answer from ${from}`)
  const expected = workloadId(evidence.trustDomain, from)
  const peer = peerOf(call)
  if (peer !== undefined && peer !== expected)
    return { fault: `${to} was answered by ${peer}, not by ${expected}` }
  const answered = outcomeOf(evidence, from)?.event.http?.response?.status_code ?? call.status
  if (typeof answered === 'number' && answered >= 400)
    return absence(evidence, `${from} answered ${answered}`)
  return { proof: { ...call, auditEntry: receiver.index } }
}

function peerOf(call: Proof | undefined): string | undefined {
  const peer = Object.values(call ?? {}).find(
    (value) => typeof value === 'string' && value.startsWith('spiffe://'),
  )
  return typeof peer === 'string' ? peer : undefined
}

function gatewayToBalancer(evidence: Evidence): Finding {
  const entry = outcomeOf(evidence, 'gateway')
  const status = entry?.event.http?.response?.status_code
  if (entry === undefined || status === undefined || status >= 400)
    return absence(evidence, 'the gateway has recorded no answer to the order')
  return {
    proof: facts({
      gateway: entry.event.service?.node.name,
      proxyConnection: entry.event.countersign?.connection,
      status,
      auditEntry: entry.index,
    }),
  }
}

function balancerToUser(evidence: Evidence): Finding {
  const { order, connection } = evidence
  if (order === undefined || connection === undefined || order.status >= 400)
    return absence(evidence, 'the order was not answered')
  const { status, requestId } = order
  return { proof: { status, requestId, tls: connection.protocol } }
}
