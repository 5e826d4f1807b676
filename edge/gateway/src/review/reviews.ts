import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { Lasting, LastingOnes } from '../forward/lasting.ts'
import { REVIEW_RETRY_MS, REVIEW_TRIES_MAX, REVIEWS_PER_TURN } from '../limits.ts'
import type { AskAgain } from './ask-again.ts'

/*
 * After a change of the configuration all that goes on without an end is asked about again, some in each turn of the event
 * loop, so that requests do not wait for it. What would be refused now ends. Where that cannot be told at this time (status
 * 5xx) it is asked some times more, and then it ends, too: in doubt nothing goes on.
 */
export class Reviews implements LastingOnes {
  readonly #lasting = new Set<Lasting>()
  readonly #ask: AskAgain
  /** What is being asked about, and whether there was another change meanwhile. */
  readonly #asking = new Map<Lasting, { changed: boolean }>()
  #walking = false
  #changed = false

  constructor(ask: AskAgain) {
    this.#ask = ask
  }

  /** Where the configuration has changed since the request came, it is asked about at once. */
  add(lasting: Lasting): void {
    this.#lasting.add(lasting)
    if (lasting.exchange.live?.retired === true) this.#look(lasting)
  }
  delete(lasting: Lasting): void {
    this.#lasting.delete(lasting)
  }

  /** The configuration has changed. */
  begin(): void {
    this.#changed = true
    if (!this.#walking && this.#lasting.size > 0) void this.#walk()
  }

  async #walk(): Promise<void> {
    this.#walking = true
    while (this.#changed) {
      this.#changed = false
      let begun = 0
      for (const each of [...this.#lasting]) {
        this.#look(each)
        if (++begun % REVIEWS_PER_TURN === 0) await turn()
      }
    }
    this.#walking = false
  }

  #look(each: Lasting): void {
    const known = this.#asking.get(each)
    if (known === undefined) void this.#review(each)
    else known.changed = true
  }
  async #review(each: Lasting): Promise<void> {
    const state = { changed: true }
    this.#asking.set(each, state)
    for (let tries = 1; state.changed && this.#lasting.has(each); tries++) {
      state.changed = false
      const refusal = await this.#ask(each.exchange)
      if (refusal === undefined) tries = 0
      else if (refusal.status < 500 || tries >= REVIEW_TRIES_MAX) each.refuse(refusal)
      else {
        state.changed = true
        await sleep(REVIEW_RETRY_MS, undefined, { ref: false })
      }
    }
    this.#asking.delete(each)
  }
}
