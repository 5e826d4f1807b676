import { type Limiter, type LimitVerdict, rateLimited } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { type Route, routeOf } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'

/**
 * How much. After who, so that nobody can spend another's share; before whether, so that being refused is limited too.
 * A route of an operator with rate-limiting is left to that plugin. At this door a limit "per caller" is one per person, or per address where nobody is known: the caller is the world.
 */
export const rateLimit =
  (limiter: Limiter): Layer =>
  (exchange, next) => {
    const route = routeOf(exchange)
    if (route.operator?.limited === false) return next(exchange)
    const verdict = limiter.take(limitKey(exchange, route), route.endpoint.limit)
    if (!(verdict instanceof Promise)) {
      note(exchange, verdict)
      return next(exchange)
    }
    return verdict.then((settled) => {
      note(exchange, settled)
      return next(exchange)
    })
  }

function note(exchange: Exchange, verdict: LimitVerdict): void {
  exchange.limit = verdict
  if (!verdict.allowed) throw rateLimited(verdict)
}

/** The same at every gateway, so that they count together. */
function limitKey(exchange: Exchange, { label, endpoint, operator }: Route): string {
  const who = endpoint.limit.scope === 'address' ? undefined : whoAsks(exchange)
  const key = who ?? `address:${exchange.connection.source}`
  // A route's name can be that of an endpoint, its id cannot.
  return `${operator === undefined ? label : `route:${operator.id}`}:${key}`
}

function whoAsks({ person, plugins }: Exchange): string | undefined {
  if (person !== undefined) return `person:${person.id}`
  if (plugins?.consumer === undefined || plugins.anonymous) return undefined
  return `consumer:${plugins.consumer.id}`
}
