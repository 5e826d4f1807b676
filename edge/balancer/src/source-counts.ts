import { addressKey } from '@countersign/layers'

/** Counts what is open, in total and per source address, and refuses above its bounds. */
export class SourceCounts {
  readonly #max: number
  readonly #perSourceMax: number
  readonly #bySource = new Map<string, number>()
  #total = 0

  constructor(bounds: { readonly max: number; readonly perSourceMax: number }) {
    this.#max = bounds.max
    this.#perSourceMax = bounds.perSourceMax
  }
  get total(): number {
    return this.#total
  }
  /** Takes one place for `address`, or says which bound is reached. Give the place back by `leave`, once. */
  enter(address: string): 'entered' | 'total' | 'source' {
    if (this.#total >= this.#max) return 'total'
    const key = addressKey(address)
    const count = this.#bySource.get(key) ?? 0
    if (count >= this.#perSourceMax) return 'source'
    this.#bySource.set(key, count + 1)
    this.#total++
    return 'entered'
  }
  leave(address: string): void {
    const key = addressKey(address)
    const count = this.#bySource.get(key)
    if (count === undefined) return
    this.#total--
    if (count === 1) this.#bySource.delete(key)
    else this.#bySource.set(key, count - 1)
  }
}
