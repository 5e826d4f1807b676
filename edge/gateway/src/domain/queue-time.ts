/*
 * Sheds load before a collapse, by the time that requests wait before anything is done for them (after CoDel and DAGOR).
 *
 * - a queue that empties again and again is a burst; one in which even the luckiest has waited longer than `targetMs`, for a
 *   whole `intervalMs` and `seenMin` times in a row, does not empty by itself. Then the severity rises by one step. With each
 *   interval in which somebody waited less, or nobody came, it falls by one
 * - the first steps shed those of whom nothing is proven, a quarter more with each; only then the others, a tenth more with each
 * - shares are exact, not by chance. One in ten of those whom we know always passes
 */
const STEPS_UNPROVEN = 4
const STEPS_PROVEN = 9
const STEPS_MAX = STEPS_UNPROVEN + STEPS_PROVEN

export interface QueueBounds {
  readonly targetMs: number
  readonly intervalMs: number
  readonly seenMin: number
}

export class QueueTime {
  readonly #bounds: QueueBounds
  #intervalAt = Number.NEGATIVE_INFINITY
  /** Since the interval began: how many have waited too long, and whether somebody has not. */
  #seen = 0
  #lucky = false
  #lastAt = Number.NEGATIVE_INFINITY
  #lastMs = 0
  #severity = 0
  #dueUnproven = 0
  #dueProven = 0

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds
  }

  /** Somebody has waited `waitedMs` until `now`. Milliseconds of a clock that does not go back. */
  observe(waitedMs: number, now: number): void {
    this.#advance(now)
    this.#lastAt = now
    this.#lastMs = waitedMs
    if (waitedMs > this.#bounds.targetMs) this.#seen++
    else this.#lucky = true
  }

  /** Whether a request is to be refused at `now`. `proven`: it is known who asks. */
  sheds(proven: boolean, now: number): boolean {
    if (this.#severity === 0) return false
    this.#advance(now)
    return proven ? this.#shedsProven() : this.#shedsUnproven()
  }

  get severity(): number {
    return this.#severity
  }

  #shedsUnproven(): boolean {
    this.#dueUnproven += Math.min(this.#severity, STEPS_UNPROVEN)
    if (this.#dueUnproven < STEPS_UNPROVEN) return false
    this.#dueUnproven -= STEPS_UNPROVEN
    return true
  }
  #shedsProven(): boolean {
    this.#dueProven += Math.max(0, this.#severity - STEPS_UNPROVEN)
    if (this.#dueProven <= STEPS_PROVEN) return false
    this.#dueProven -= STEPS_PROVEN + 1
    return true
  }

  #advance(now: number): void {
    const { intervalMs, seenMin } = this.#bounds
    // Who comes next may have to wait as long as the last one before it is seen: until then nothing is known.
    const calm = Math.floor((now - this.#lastAt) / (intervalMs + this.#lastMs))
    if (calm >= 1) {
      this.#step(-Math.min(calm, STEPS_MAX), now)
      this.#lastAt = now
    } else if (now - this.#intervalAt < intervalMs) return
    else if (this.#lucky) this.#step(-1, now)
    // Turns may be as long as intervals: then one goes on until enough was seen.
    else if (this.#seen >= seenMin) this.#step(1, now)
  }
  #step(by: number, now: number): void {
    this.#severity = Math.max(0, Math.min(STEPS_MAX, this.#severity + by))
    this.#intervalAt = now
    this.#seen = 0
    this.#lucky = false
  }
}
