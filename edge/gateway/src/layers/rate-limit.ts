import { addressKey, type Limiter, type LimitVerdict, rateLimited } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { routeOf } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'

/**
 * How much. After who, so that nobody can spend another's share; before whether, so that being refused is limited too.
 * At this door a limit "per caller" is one per person, or per address where nobody is known: the caller is the world.
 */
export const rateLimit =
  (limiter: Limiter): Layer =>
  (exchange, next) => {
    const verdict = limiter.take(limitKey(exchange), routeOf(exchange).endpoint.limit)
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
function limitKey(exchange: Exchange): string {
  const { label, endpoint } = routeOf(exchange)
  const person = endpoint.limit.scope === 'address' ? undefined : exchange.person
  const who =
    person === undefined
      ? `address:${addressKey(exchange.connection.address)}`
      : `person:${person.id}`
  return `${label}:${who}`
}
