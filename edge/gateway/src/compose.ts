import type { Exchange } from './exchange.ts'

export type Next = (exchange: Exchange) => void | Promise<void>
/** Does its part and hands the exchange to `next`, or refuses by throwing a `Refusal`. */
export type Layer = (exchange: Exchange, next: Next) => void | Promise<void>

/** Makes one function of an ordered list. Done once: a request allocates nothing for passing through. */
export function compose(layers: readonly Layer[]): Next {
  let next: Next = () => {}
  for (const layer of [...layers].reverse()) {
    const inner = next
    next = (exchange) => layer(exchange, inner)
  }
  return next
}
