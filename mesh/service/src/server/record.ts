import type { NewAuditEvent } from '@countersign/contract/platform'
import type { Refusal } from '@countersign/layers'
import type { Exchange } from './exchange.ts'

/** What is about to be done, written before the first effect. */
export function intentEvent(exchange: Exchange): NewAuditEvent {
  return {
    ...about(exchange),
    status: 'intent',
    event: { kind: 'event', category: ['api'], type: ['start'] },
  }
}

/** How a request ended, with everything that proves it or explains the refusal. */
export function outcomeEvent(exchange: Exchange, status: number, refusal?: Refusal): NewAuditEvent {
  const duration = Math.round((performance.now() - exchange.startedAt) * 1e6)
  const failed = status >= 500
  return {
    ...about(exchange),
    status: failed ? 'failure' : refusal === undefined ? 'success' : 'refused',
    event: {
      kind: 'event',
      category: refusal?.hinge === 'authenticate' ? ['api', 'authentication'] : ['api'],
      type: failed
        ? ['access', 'error']
        : refusal === undefined
          ? ['access', 'allowed']
          : ['access', 'denied'],
      duration,
      ...(refusal === undefined ? {} : { code: refusal.code }),
    },
    http: {
      request: { id: exchange.requestId, method: exchange.method },
      response: { status_code: status },
    },
    countersign: evidence(exchange, refusal),
  }
}

function about(exchange: Exchange): Omit<NewAuditEvent, 'status' | 'event'> {
  const { route, method, path, peer, person, trace } = exchange
  return {
    action: route.action,
    userId: person?.id ?? null,
    http: { request: { id: exchange.requestId, method } },
    url: { path },
    trace: { id: trace.traceId },
    ...(person === undefined
      ? {}
      : {
          user: {
            ...(person.name === undefined ? {} : { name: person.name }),
            roles: [...person.roles],
          },
        }),
    ...(peer === undefined
      ? {}
      : {
          client: { workload: peer.id },
          tls: {
            version: peer.tlsVersion,
            cipher: peer.cipher,
            client: { serial: peer.serial, not_after: peer.notAfterText },
          },
        }),
  }
}

function evidence(
  exchange: Exchange,
  refusal: Refusal | undefined,
): NonNullable<NewAuditEvent['countersign']> {
  const { limit, permit, downstream, witness, route } = exchange
  const tightest = limit?.windows.reduce((a, b) => (b.remaining < a.remaining ? b : a))
  return {
    door: route.service,
    ...(refusal === undefined ? {} : { hinge: refusal.hinge }),
    ...ruleOf(refusal, permit?.rule),
    ...(tightest === undefined
      ? {}
      : {
          limit: {
            policy: `${tightest.max}/${tightest.name} per ${route.limit.scope}`,
            remaining: tightest.remaining,
            resetSeconds: tightest.resetSeconds,
          },
        }),
    ...(downstream === undefined ? {} : { downstream }),
    ...(witness === undefined ? {} : { witness }),
  }
}

function ruleOf(
  refusal: Refusal | undefined,
  permitted: string | undefined,
): { rule?: string; remedy?: string } {
  const rule = refusal === undefined ? permitted : (refusal.facts.rule ?? refusal.code)
  const remedy = refusal?.facts.remedy
  return { ...(rule === undefined ? {} : { rule }), ...(remedy === undefined ? {} : { remedy }) }
}
