import { DPOP_PROOFS_MAX } from '../limits.ts'

/**
 * Which proofs were used here, so that none is taken twice by this gateway (RFC 9449 section 11.1). An id is remembered for
 * `windowMs` at least, twice that at most. Where there is no room, a new one is `full`: in doubt nobody passes.
 */
export class SeenProofs {
  readonly #windowMs: number
  readonly #max: number
  #young = new Set<string>()
  #old = new Set<string>()
  #turnedAt: number

  constructor(now: number, windowMs: number, max: number = DPOP_PROOFS_MAX) {
    this.#turnedAt = now
    this.#windowMs = windowMs
    this.#max = max
  }

  use(id: string, now: number): 'first' | 'seen' | 'full' {
    const age = now - this.#turnedAt
    if (age >= this.#windowMs) {
      this.#old = age >= 2 * this.#windowMs ? new Set() : this.#young
      this.#young = new Set()
      this.#turnedAt = now
    }
    if (this.#young.has(id) || this.#old.has(id)) return 'seen'
    if (this.#young.size >= this.#max) return 'full'
    this.#young.add(id)
    return 'first'
  }
}
