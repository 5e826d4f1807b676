import type { AuditEvent } from '@countersign/contract/platform'
import type { Entry } from '../explain/read-request.ts'
import type { Evidence } from './evidence.ts'

const PERSON = '5d799d55-fa44-42cc-aac0-9907bd2a37da'
const ID = '1da8189c-1dbb-48de-a1e4-f9dbe434635e'
export const spiffe = (path: string): string => `spiffe://countersign.local/${path}`

type Extra = Partial<AuditEvent>

export function event(service: string, action: string, extra: Extra = {}): AuditEvent {
  return {
    id: ID,
    timestamp: '2026-01-02T03:04:05.678Z',
    serviceName: service,
    action,
    userId: PERSON,
    status: 'success',
    event: { kind: 'event', category: ['api'], type: ['access', 'allowed'] },
    service: { node: { name: `${service}-1` } },
    user: { name: 'customer', roles: ['customer'] },
    http: { request: { id: ID, method: 'POST' }, response: { status_code: 201 } },
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', client: { serial: 'a1' } },
    ...extra,
  }
}

/** What a tour through a platform sees on which all is well. Entries by index: gateway 12, order 11, payment 10. */
export function wellEvidence(): Evidence {
  const payment = event('payment', 'payment.charge', {
    client: { workload: spiffe('service/order') },
    countersign: {
      rule: 'contract payment.charge: caller order, role customer',
      limit: { policy: '100/second per person', remaining: 99, resetSeconds: 1 },
      witness: [{ hop: 'database', engine: 'DynamoDB', transport: 'unix socket' }],
    },
  })
  const order = event('order', 'order.place', {
    client: { workload: spiffe('gateway/public') },
    countersign: {
      rule: 'contract order.place: caller gateway, role customer',
      downstream: [{ hop: 'payment.charge', status: 201, peer: spiffe('service/payment') }],
    },
  })
  const gateway = event('gateway', 'order.place', {
    client: { ip: '127.0.0.1' },
    countersign: {
      connection: 'c49464c8',
      rule: 'contract order.place: caller gateway, role customer',
      limit: { policy: '5/second', remaining: 4, resetSeconds: 1 },
      downstream: [{ service: 'order', instance: 'order-1', peer: spiffe('service/order') }],
    },
  })
  const claims = {
    sub: PERSON,
    iss: 'https://localhost:8443/auth',
    aud: 'countersign',
    roles: ['customer'],
  }
  const issued: Entry = { index: 9, event: event('identity', 'token.issue') }
  const entries = [payment, order, gateway].map((each, i) => ({ index: 10 + i, event: each }))
  return {
    trustDomain: 'countersign.local',
    connection: {
      protocol: 'TLSv1.3',
      cipher: 'c',
      peer: 'DNS:localhost',
      issuer: 'i',
      localPort: 1,
      remotePort: 8443,
    },
    login: { claims, requestId: 'login', entries: [issued] },
    order: { status: 201, requestId: ID, entries },
    proven: new Map(entries.map(({ index }) => [index, 'countersign.local/audit 13 root'])),
    fault: undefined,
  }
}

/** The same with some events changed, or gone where `change` gives nothing. */
export function withEvents(
  evidence: Evidence,
  change: (event: AuditEvent) => AuditEvent | undefined,
): Evidence {
  const { order } = evidence
  if (order === undefined) return evidence
  const entries = order.entries.flatMap((entry) => {
    const changed = change(entry.event)
    return changed === undefined ? [] : [{ ...entry, event: changed }]
  })
  return { ...evidence, order: { ...order, entries } }
}
