import {
  FLEET_BYTES_MAX,
  FLEET_ENTRY_BYTES,
  FLEET_KEY_CHARS_MAX,
  FLEET_TEXT_CHARS_MAX,
  FLEET_TTL_MS_MAX,
} from './limits.ts'

/**
 * How much of a fleet store one instance may fill: what it has put counts until its time is over, by the second, also
 * where somebody has taken it away before.
 */
export class FleetBudget {
  readonly #bytesMax: number
  /** Bytes by the second in which they end. */
  readonly #ending = new Map<number, number>()
  #bytes = 0
  #sweptAt = 0

  constructor(bytesMax: number = FLEET_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /** Whether there is room for it; then it counts. `now` in milliseconds, of any clock that goes on. */
  take(key: string, put: { readonly text: string; readonly ttlMs: number }, now: number): boolean {
    const { text, ttlMs } = put
    if (key.length > FLEET_KEY_CHARS_MAX || text.length > FLEET_TEXT_CHARS_MAX) return false
    if (!(ttlMs >= 1 && ttlMs <= FLEET_TTL_MS_MAX)) return false
    this.#sweep(Math.floor(now / 1000))
    const bytes = FLEET_ENTRY_BYTES + Buffer.byteLength(key) + Buffer.byteLength(text)
    if (this.#bytes + bytes > this.#bytesMax) return false
    const second = Math.ceil((now + ttlMs) / 1000)
    this.#ending.set(second, (this.#ending.get(second) ?? 0) + bytes)
    this.#bytes += bytes
    return true
  }

  #sweep(second: number): void {
    if (second === this.#sweptAt) return
    this.#sweptAt = second
    for (const [ends, bytes] of this.#ending) {
      if (ends > second) continue
      this.#ending.delete(ends)
      this.#bytes -= bytes
    }
  }
}
