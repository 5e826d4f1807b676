import type { Layer } from '../compose.ts'
import type { Events } from '../events.ts'

/** Outermost: whatever happened inside, it is counted, and what the contract or a refusal asks for is recorded. */
export const recordOutcome =
  (events: Events): Layer =>
  async (exchange, next) => {
    events.began()
    try {
      await next(exchange)
    } finally {
      events.ended(exchange)
    }
  }
