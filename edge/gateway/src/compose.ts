import type { Exchange } from './exchange.ts'

/** The exchange is not over with this call: whoever has taken it says when it is, by `Exchange.over`. */
export const LATER: unique symbol = Symbol('later')
/** How a layer returns: with the exchange over, or with somebody who will say so. No promise where nothing is waited for. */
export type Passed = void | typeof LATER | Promise<void | typeof LATER>
type Next = (exchange: Exchange) => Passed
/** Does its part and hands the exchange to `next`, or refuses by throwing a `Refusal`. */
export type Layer = (exchange: Exchange, next: Next) => Passed

/** A layer with two sides: what it does when the exchange comes in, and once when it is over, however it ended. */
export interface Frame {
  /** Refuses by throwing; then it is not left either. */
  enter(exchange: Exchange): void
  /** `Exchange.failure` tells what was thrown on the way, if anything. */
  leave(exchange: Exchange): void
}

/**
 * Makes one function of an ordered list. Done once: a request allocates nothing for passing through. What is thrown below
 * the frames goes to them; what a frame throws while it is left goes to nobody, and ends the process.
 */
export function compose(stack: readonly (Layer | Frame)[]): (exchange: Exchange) => void {
  const frames = stack.filter((each): each is Frame => typeof each !== 'function')
  const leaveFrom = (exchange: Exchange, at: number): void => {
    const frame = frames[at]
    if (frame === undefined) return
    try {
      frame.leave(exchange)
    } finally {
      leaveFrom(exchange, at - 1)
    }
  }
  const leave = (exchange: Exchange): void => leaveFrom(exchange, exchange.entered - 1)
  let next: Next = () => {}
  for (const each of [...stack].reverse()) {
    const inner = next
    next =
      typeof each === 'function'
        ? (exchange) => each(exchange, inner)
        : (exchange) => {
            each.enter(exchange)
            exchange.entered++
            return inner(exchange)
          }
  }
  return (exchange) => {
    exchange.whenOver(leave)
    try {
      const passed = next(exchange)
      if (passed instanceof Promise) wait(exchange, passed)
      else if (passed !== LATER) exchange.over()
    } catch (error) {
      exchange.over(error ?? NAMELESS)
    }
  }
}

/** For a layer that throws nothing at all: an exchange without a failure is one that has its answer. */
const NAMELESS = new Error('something was thrown that is nothing')

async function wait(exchange: Exchange, passed: Promise<void | typeof LATER>): Promise<void> {
  let failure: unknown
  try {
    if ((await passed) === LATER) return
  } catch (error) {
    failure = error ?? NAMELESS
  }
  exchange.over(failure)
}
