import type { Layer } from '../compose.ts'
import { routeOf } from '../domain/route.ts'
import type { Events } from '../events.ts'

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Needs the Permit and comes before every effect: what will be done is on disk before it is done. Only for audited
 * calls that can change something. Refuses with AUDIT_UNAVAILABLE where the act cannot be recorded.
 */
export const recordIntent =
  (events: Events): Layer =>
  (exchange, next) => {
    const { audited } = routeOf(exchange).endpoint
    if (!audited || READS.has(exchange.method)) return next(exchange)
    return events.intends(exchange).then(() => next(exchange))
  }
