import { WATCHED_MAX } from '../limits.ts'
import { BoundedMap } from './bounded-map.ts'

/** Tells when something happens `count` times within `windowMs`, for each of many keys. Events may come out of order. */
export class Burst {
  readonly #count: number
  readonly #windowMs: number
  /** The last times, oldest first; never more than `count` of them. */
  readonly #times = new BoundedMap<number[]>(WATCHED_MAX)

  constructor(options: { readonly count: number; readonly windowMs: number }) {
    this.#count = options.count
    this.#windowMs = options.windowMs
  }

  /** Counts `weight` events at `time`; true when the window around it is full. */
  add(key: string, time: number, weight = 1): boolean {
    const times = this.#times.use(key) ?? []
    for (let i = 0; i < Math.min(weight, this.#count); i++) times.push(time)
    times.sort((a, b) => a - b)
    times.splice(0, times.length - this.#count)
    this.#times.set(key, times)
    const [first = 0] = times
    return times.length === this.#count && (times.at(-1) ?? 0) - first <= this.#windowMs
  }
}
