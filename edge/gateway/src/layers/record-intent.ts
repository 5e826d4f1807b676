import type { Layer } from '../compose.ts'
import { isAudited, mayChange } from '../audit-event.ts'
import type { Events } from '../events.ts'

/**
 * Needs the Permit and comes before every effect: what will be done is on disk before it is done. Only for audited
 * calls that can change something. Refuses with AUDIT_UNAVAILABLE where the act cannot be recorded.
 */
export const recordIntent =
  (events: Events): Layer =>
  (exchange, next) => {
    if (!isAudited(exchange) || !mayChange(exchange)) return next(exchange)
    return events.intends(exchange).then(() => next(exchange))
  }
