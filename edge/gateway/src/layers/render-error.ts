import { Refusal } from '@countersign/layers'
import type { Frame } from '../compose.ts'
import type { Events } from '../events.ts'
import type { Exchange } from '../exchange.ts'
import { ClientGone } from '../forward/body-refusals.ts'
import { respondRefused } from '../respond.ts'

/** The one place where a refusal becomes HTTP. What is no refusal is our own fault, and says nothing to the client. */
export const renderError = (events: Events): Frame => ({
  enter: () => {},
  leave: (exchange) => {
    if (exchange.failure !== undefined) render(events, exchange, exchange.failure)
  },
})

function render(events: Events, exchange: Exchange, failure: unknown): void {
  if (failure instanceof ClientGone) {
    exchange.status = 499
    exchange.response.destroy()
    return
  }
  const refusal = failure instanceof Refusal ? failure : new Refusal('INTERNAL', { cause: failure })
  if (refusal.code === 'INTERNAL') events.fault(exchange, failure)
  exchange.refusal = refusal
  respondRefused(exchange, refusal)
}
