import type { NewAuditEvent } from '@countersign/contract/platform'
import type { Refusal } from '@countersign/layers'
import type { Exchange } from './exchange.ts'

const TEXT_MAX = 1_000
const PATH_MAX = 512
const cut = (text: string): string =>
  text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`

/** The record of an exchange: `start` before it has an effect, `end` when its outcome is known. */
export function auditEvent(exchange: Exchange, at: 'start' | 'end'): NewAuditEvent {
  const { route, person, refusal, connection, status } = exchange
  const outcome = refusal === undefined ? grantFacts(exchange, at) : refusalFacts(refusal)
  return {
    action: route?.label ?? 'gateway.request',
    userId: person?.id ?? null,
    status: outcome.status,
    event:
      at === 'start'
        ? outcome.event
        : {
            ...outcome.event,
            duration: Math.round((performance.now() - exchange.startedAt) * 1e6),
          },
    ...(person === undefined
      ? {}
      : {
          user: {
            ...(person.name === undefined ? {} : { name: cut(person.name) }),
            roles: person.roles.slice(0, 32).map(cut),
          },
        }),
    client: { ip: connection.address },
    http: {
      request: { id: exchange.requestId, method: exchange.method.slice(0, 16) },
      ...(status === 0 ? {} : { response: { status_code: status } }),
    },
    ...(exchange.path === undefined ? {} : { url: { path: exchange.path.slice(0, PATH_MAX) } }),
    trace: { id: exchange.traceId },
    tls: { version: connection.tlsVersion, cipher: connection.tlsCipher },
    countersign: { ...outcome.countersign, ...passage(exchange) },
  }
}

/** What the door has seen on the way, whatever came out. */
function passage({
  connection,
  limit,
  downstream,
}: Exchange): NonNullable<NewAuditEvent['countersign']> {
  const tightest = limit?.windows.reduce((a, b) => (b.remaining < a.remaining ? b : a))
  return {
    ...(connection.uniqueId === undefined ? {} : { connection: connection.uniqueId }),
    ...(tightest === undefined
      ? {}
      : {
          limit: {
            policy: `${tightest.max}/${tightest.name}`,
            remaining: tightest.remaining,
            resetSeconds: Math.max(0, Math.ceil(tightest.resetSeconds)),
          },
        }),
    ...(downstream.length === 0 ? {} : { downstream: downstream.slice(0, 16) }),
  }
}

type Facts = Pick<NewAuditEvent, 'status' | 'event' | 'countersign'>

function grantFacts({ permit, status }: Exchange, at: 'start' | 'end'): Facts {
  const failed = at === 'end' && (status >= 500 || status === 499)
  return {
    status: at === 'start' ? 'intent' : failed ? 'failure' : 'success',
    event: {
      kind: 'event',
      category: ['api'],
      type: at === 'start' ? ['start'] : ['access', failed ? 'error' : 'allowed'],
    },
    countersign: { door: 'gateway', ...(permit === undefined ? {} : { rule: cut(permit.rule) }) },
  }
}

/** What a refusal says in a record. */
export function refusalFacts(refusal: Refusal): Facts {
  const { rule, remedy } = refusal.facts
  const ours = refusal.status >= 500
  return {
    status: ours ? 'failure' : 'refused',
    event: {
      kind: 'event',
      category: refusal.hinge === 'authenticate' ? ['api', 'authentication'] : ['api'],
      type: ours ? ['access', 'error'] : ['access', 'denied'],
      code: refusal.code,
    },
    countersign: {
      door: 'gateway',
      hinge: refusal.hinge,
      ...(rule === undefined ? {} : { rule: cut(rule) }),
      ...(remedy === undefined ? {} : { remedy: cut(remedy) }),
    },
  }
}
