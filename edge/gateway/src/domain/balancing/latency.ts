/*
 * Peak EWMA (as in Finagle and linkerd): an answer that took longer counts at once, a shorter one slowly, by the time that
 * has passed. Without answers the figure fades, so that who was slow once is asked again.
 */
const DECAY_MS = 10_000

export class PeakLatency {
  #ms = 0
  #at = 0

  /** An answer took `ms` at `now`. */
  observe(ms: number, now: number): void {
    const kept = keep(now - this.#at)
    const faded = this.#ms * kept
    this.#ms = ms > faded ? ms : faded + ms * (1 - kept)
    this.#at = now
  }
  /** Milliseconds; 0 where nothing is known. */
  at(now: number): number {
    return this.#ms === 0 ? 0 : this.#ms * keep(now - this.#at)
  }
}
const keep = (passedMs: number): number => Math.exp(-Math.max(0, passedMs) / DECAY_MS)
