import { workloadId } from '@countersign/contract'
import { absence, callTo, type Evidence, type Finding, facts, outcomeOf } from './evidence.ts'

export interface Step {
  readonly number: number
  readonly title: string
  readonly find: (evidence: Evidence) => Finding
}

/* The seven steps of a request through a secure system of services, and what proves each. */
// biome-ignore format: a table
export const STEPS: readonly Step[] = [
  { number: 1, title: 'the client authenticates with the identity provider and receives a token', find: authenticates },
  { number: 2, title: 'the client sends its request with the token to the gateway', find: sends },
  { number: 3, title: 'the gateway validates the token and enforces the limit', find: validates },
  { number: 4, title: 'the gateway forwards the request to the service', find: forwards },
  { number: 5, title: 'services speak to each other over mutual TLS', find: speaks },
  { number: 6, title: 'each service validates the token and enforces its policy', find: enforces },
  { number: 7, title: 'every event is in the log', find: records },
]

function authenticates(evidence: Evidence): Finding {
  const { login } = evidence
  if (login === undefined) return absence(evidence, 'nobody could log in')
  const { claims } = login
  const issued = login.entries.findLast(
    ({ event }) => event.action === 'token.issue' && event.status === 'success',
  )
  if (issued === undefined) return absence(evidence, 'the identity provider has recorded no token')
  const { sub, iss, aud, roles, exp } = claims
  return {
    proof: facts({
      subject: text(sub),
      roles: Array.isArray(roles) ? roles.map(String).join(', ') : undefined,
      issuer: text(iss),
      audience: Array.isArray(aud) ? aud.map(String).join(', ') : text(aud),
      expires: typeof exp === 'number' ? new Date(exp * 1000).toISOString() : undefined,
      auditEntry: issued.index,
    }),
  }
}

function sends(evidence: Evidence): Finding {
  const { connection, order } = evidence
  const entry = outcomeOf(evidence, 'gateway')
  if (connection === undefined || order === undefined || entry === undefined)
    return absence(evidence, 'no gateway has recorded the request')
  return {
    proof: facts({
      requestId: order.requestId,
      tls: connection.protocol,
      serverCertificate: connection.peer,
      gateway: entry.event.service?.node.name,
      clientAddress: entry.event.client?.ip,
      auditEntry: entry.index,
    }),
  }
}

function validates(evidence: Evidence): Finding {
  const entry = outcomeOf(evidence, 'gateway')
  const subject = evidence.login?.claims.sub
  if (entry === undefined || entry.event.userId === null || entry.event.userId !== subject)
    return absence(evidence, 'the gateway has recorded no person for the request')
  const { limit, rule } = entry.event.countersign ?? {}
  if (limit === undefined) return absence(evidence, 'the gateway has counted no limit')
  return {
    proof: facts({
      subject: entry.event.userId,
      roles: entry.event.user?.roles?.join(', '),
      rule,
      limit: limit.policy,
      limitLeft: limit.remaining,
      auditEntry: entry.index,
    }),
  }
}

function forwards(evidence: Evidence): Finding {
  const gateway = workloadId(evidence.trustDomain, 'gateway')
  const entry = outcomeOf(evidence, 'order')
  if (entry === undefined || entry.event.client?.workload !== gateway)
    return absence(evidence, 'order has recorded no call from the gateway')
  return {
    proof: facts({
      caller: gateway,
      callee: workloadId(evidence.trustDomain, 'order'),
      tls: entry.event.tls?.version,
      instance: entry.event.service?.node.name,
      auditEntry: entry.index,
    }),
  }
}

function speaks(evidence: Evidence): Finding {
  const order = workloadId(evidence.trustDomain, 'order')
  const entry = outcomeOf(evidence, 'payment')
  if (entry === undefined || entry.event.client?.workload !== order)
    return absence(evidence, 'payment has recorded no call from order')
  const { tls } = entry.event
  if (tls?.version !== 'TLSv1.3')
    return { fault: `payment was called over ${tls?.version ?? 'no TLS'}` }
  const caller = outcomeOf(evidence, 'order')
  const noted = caller === undefined ? undefined : callTo(caller.event, 'payment')
  return {
    proof: facts({
      caller: order,
      callee: workloadId(evidence.trustDomain, 'payment'),
      tls: tls.version,
      cipher: tls.cipher,
      callerCertificate: tls.client?.serial,
      notedByCaller: noted !== undefined,
      auditEntry: entry.index,
    }),
  }
}

function enforces(evidence: Evidence): Finding {
  const subject = evidence.login?.claims.sub
  const proof: Record<string, string> = {}
  for (const service of ['order', 'payment']) {
    const event = outcomeOf(evidence, service)?.event
    const rule = event?.countersign?.rule
    if (event === undefined || rule === undefined)
      return absence(evidence, `${service} has recorded no decision`)
    if (event.status !== 'success')
      return absence(evidence, `${service} did not let the request pass`)
    if (event.userId !== subject)
      return { fault: `${service} acted for ${event.userId ?? 'nobody'}, not for ${text(subject)}` }
    proof[service] = rule
  }
  return { proof: { subject: text(subject) ?? '', ...proof } }
}

function records(evidence: Evidence): Finding {
  const entries = [...(evidence.login?.entries ?? []), ...(evidence.order?.entries ?? [])]
  const services = ['gateway', 'order', 'payment'].map((service) => outcomeOf(evidence, service))
  if (entries.length === 0 || services.some((entry) => entry === undefined))
    return absence(evidence, 'the log does not hold an event of each door')
  const unproven = services.find(
    (entry) => entry !== undefined && !evidence.proven.has(entry.index),
  )
  if (unproven !== undefined)
    return { fault: `entry ${unproven.index} is not proven to be in the log` }
  const [checkpoint] = new Set(evidence.proven.values())
  return {
    proof: facts({
      entries: entries
        .map(({ index }) => index)
        .toSorted((a, b) => a - b)
        .join(', '),
      inclusionProven: [...evidence.proven.keys()].toSorted((a, b) => a - b).join(', '),
      checkpoint,
    }),
  }
}

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
