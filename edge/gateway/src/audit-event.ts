import type { NewAuditEvent } from '@countersign/contract/platform'
import type { Refusal } from '@countersign/layers'
import type { Exchange } from './exchange.ts'

const TEXT_MAX = 1_000
const PATH_MAX = 512
const cut = (text: string): string =>
  text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}…`

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Whether the end of this exchange is on record. Of an operator's routes what can change something is, as by default in contracts. */
export function isAudited(exchange: Exchange): boolean {
  const { route } = exchange
  if (route === undefined) return false
  return route.operator === undefined ? route.endpoint.audited : mayChange(exchange)
}

/** Whether a request can change something. Whatever is said over WebSocket can, though it is asked for by GET. */
export const mayChange = ({ method, request }: Exchange): boolean =>
  !READS.has(method) || request.upgrade !== undefined

/** The record of an exchange: `start` before it has an effect, `end` when its outcome is known. */
export function auditEvent(exchange: Exchange, at: 'start' | 'end'): NewAuditEvent {
  const { route, person, refusal, connection, status } = exchange
  const consumer = exchange.plugins?.anonymous === true ? undefined : exchange.plugins?.consumer
  const name = person?.name ?? consumer?.username ?? undefined
  const outcome = refusal === undefined ? grantFacts(exchange, at) : refusalFacts(refusal)
  return {
    action: route?.label ?? 'gateway.request',
    userId: person?.id ?? consumer?.id ?? null,
    status: outcome.status,
    event:
      at === 'start'
        ? outcome.event
        : {
            ...outcome.event,
            duration: Math.round((performance.now() - exchange.startedAt) * 1e6),
          },
    ...(person === undefined && name === undefined
      ? {}
      : {
          user: {
            ...(name === undefined ? {} : { name: cut(name) }),
            ...(person === undefined ? {} : { roles: person.roles.slice(0, 32).map(cut) }),
          },
        }),
    client: { ip: connection.address },
    http: {
      request: { id: exchange.requestId, method: exchange.method.slice(0, 16) },
      ...(status === 0 ? {} : { response: { status_code: status } }),
    },
    ...(exchange.path === undefined ? {} : { url: urlOf(exchange.path, exchange.host) }),
    trace: { id: exchange.traceId },
    tls: { version: connection.tlsVersion, cipher: connection.tlsCipher },
    countersign: { ...outcome.countersign, ...passage(exchange) },
  }
}

/** Without the query, which may hold anything. */
function urlOf(path: string, host: string): NonNullable<NewAuditEvent['url']> {
  return { path: path.slice(0, PATH_MAX), ...(host === '' ? {} : { domain: cut(host) }) }
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

/** What let the request pass, and which plugin had a say in it. */
function ruleOf({ permit, plugins, route }: Exchange): string | undefined {
  const decided = plugins?.decidedBy
  const rule = permit?.rule ?? (decided === undefined ? undefined : route?.origin)
  return decided === undefined ? rule : `${rule}; ${decided}`
}

type Facts = Pick<NewAuditEvent, 'status' | 'event' | 'countersign'>

function grantFacts(exchange: Exchange, at: 'start' | 'end'): Facts {
  const { status } = exchange
  const rule = ruleOf(exchange)
  const failed = at === 'end' && (status >= 500 || status === 499)
  return {
    status: at === 'start' ? 'intent' : failed ? 'failure' : 'success',
    event: {
      kind: 'event',
      category: ['api'],
      type: at === 'start' ? ['start'] : ['access', failed ? 'error' : 'allowed'],
    },
    countersign: { door: 'gateway', ...(rule === undefined ? {} : { rule: cut(rule) }) },
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
