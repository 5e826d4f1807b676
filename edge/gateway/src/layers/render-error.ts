import { Refusal } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import type { Events } from '../events.ts'
import { ClientGone } from '../forward/read-body.ts'
import { respondRefused } from '../respond.ts'

/** The one place where a refusal becomes HTTP. What is no refusal is our own fault, and says nothing to the client. */
export const renderError =
  (events: Events): Layer =>
  async (exchange, next) => {
    try {
      await next(exchange)
    } catch (error) {
      if (error instanceof ClientGone) {
        exchange.status = 499
        exchange.response.destroy()
        return
      }
      const refusal = error instanceof Refusal ? error : new Refusal('INTERNAL', { cause: error })
      if (refusal.code === 'INTERNAL') events.fault(exchange, error)
      exchange.refusal = refusal
      respondRefused(exchange, refusal)
    }
  }
