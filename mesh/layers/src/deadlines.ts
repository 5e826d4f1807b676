import { DEADLINE_STEP_MS } from './limits.ts'

/** Something that must end by `deadline`, in milliseconds of `performance.now()`. */
export interface Mortal {
  readonly deadline: number
  expire(): void
}

/**
 * Ends what is over its deadline, at most DEADLINE_STEP_MS late. One timer for all, since a timer for each request is a
 * cost on the data path. It runs only while something waits.
 */
export class Deadlines {
  readonly #waiting = new Set<Mortal>()
  #timer: NodeJS.Timeout | undefined

  add(mortal: Mortal): void {
    this.#waiting.add(mortal)
    this.#timer ??= setInterval(() => this.#sweep(), DEADLINE_STEP_MS)
  }
  delete(mortal: Mortal): void {
    this.#waiting.delete(mortal)
  }

  #sweep(): void {
    const now = performance.now()
    for (const mortal of this.#waiting) {
      if (now < mortal.deadline) continue
      this.#waiting.delete(mortal)
      mortal.expire()
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
