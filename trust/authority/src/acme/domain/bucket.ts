import { BUCKETS_MAX, type Rate } from '../limits.ts'

interface Level {
  readonly left: number
  readonly at: number
}

/** Token buckets by key, bounded: whoever was not seen for longest is forgotten first. */
export class RateBuckets {
  readonly #rate: Rate
  readonly #levels = new Map<string, Level>()

  constructor(rate: Rate) {
    this.#rate = rate
  }

  /** Takes one. `0`: it may pass; otherwise how many seconds until the next one may. */
  take(key: string, now: number): number {
    const { burst, perSecond } = this.#rate
    const level = this.#levels.get(key) ?? { left: burst, at: now }
    const refill = (Math.max(0, now - level.at) / 1_000) * perSecond
    const left = Math.min(burst, level.left + refill)
    this.#levels.delete(key)
    const [oldest] = this.#levels.keys()
    if (this.#levels.size >= BUCKETS_MAX && oldest !== undefined) this.#levels.delete(oldest)
    this.#levels.set(key, { left: left >= 1 ? left - 1 : left, at: now })
    return left >= 1 ? 0 : (1 - left) / perSecond
  }
}
