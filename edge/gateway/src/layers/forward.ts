import { RetryBudget } from '@countersign/layers'
import { LATER, type Layer } from '../compose.ts'
import { routeOf } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'
import { noService } from '../forward/forward-refusals.ts'
import { Forwarding, type ForwardingBy } from '../forward/forwarding.ts'
import { type Body, readBody } from '../forward/read-body.ts'
import { readWholeBody } from '../forward/read-whole-body.ts'

/** The service answers, or nobody does: see `Forwarding`. */
export const forward = (on: Omit<ForwardingBy, 'budget'>): Layer => {
  const by = { ...on, budget: new RetryBudget() }
  return (exchange) => {
    const { endpoint, operator, origin } = routeOf(exchange)
    if (operator !== undefined && operator.kongService === undefined) throw noService(origin)
    const body = bodyOf(exchange, endpoint.bodyBytesMax)
    if (body instanceof Promise)
      return body.then((read) => new Forwarding(exchange, read, by).begin()).then(() => LATER)
    const begun = new Forwarding(exchange, body, by).begin()
    return begun === undefined ? LATER : begun.then(() => LATER)
  }
}

/** The body as a plugin has set it, as it was read before, or as it comes. */
function bodyOf(exchange: Exchange, bytesMax: number): Body | Promise<Body> {
  const set = exchange.plugins?.draft?.body
  if (set === undefined) return exchange.body ?? readBody(exchange, bytesMax)
  const body: Body = set.length === 0 ? { kind: 'none' } : { kind: 'whole', bytes: set }
  if (exchange.body !== undefined) return body
  // What the client sends in its place flows away.
  return readWholeBody(exchange, bytesMax).then(() => body)
}
