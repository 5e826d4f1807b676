import type { Exchange } from './upstream-exchange.ts'

/**
 * The requests that wait for a connection, first come, first served. A list through the exchanges themselves: whoever
 * gives up in the middle leaves it at once, and nothing is made for waiting.
 */
export class WaitingLine {
  #first: Exchange | undefined
  #last: Exchange | undefined
  length = 0

  get first(): Exchange | undefined {
    return this.#first
  }
  /** How long the first in line has waited at `now`; 0 where nobody waits. */
  waitedMs(now: number): number {
    const first = this.#first
    return first === undefined ? 0 : now - (first.deadline - first.request.timeoutMs)
  }
  push(exchange: Exchange): void {
    exchange.before = this.#last
    if (this.#last === undefined) this.#first = exchange
    else this.#last.behind = exchange
    this.#last = exchange
    this.length++
  }
  shift(): Exchange | undefined {
    const exchange = this.#first
    if (exchange !== undefined) this.remove(exchange)
    return exchange
  }
  /** The exchange must be in the line. */
  remove(exchange: Exchange): void {
    const { before, behind } = exchange
    if (before === undefined) this.#first = behind
    else before.behind = behind
    if (behind === undefined) this.#last = before
    else behind.before = before
    exchange.before = undefined
    exchange.behind = undefined
    this.length--
  }
}
