import { CACHED_VERDICTS_MAX } from '../limits.ts'

/**
 * What was found out before, by the whole text that it was found out of: a hash of a part would let one credential
 * pass for another. Two generations bound it without any bookkeeping at a hit.
 */
export class BoundedCache<Value extends object> {
  readonly #max: number
  #young = new Map<string, Value>()
  #old = new Map<string, Value>()

  constructor(max: number = CACHED_VERDICTS_MAX) {
    this.#max = max
  }

  get(key: string): Value | undefined {
    return this.#young.get(key) ?? this.#rescue(key)
  }
  set(key: string, value: Value): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
  delete(key: string): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }

  #rescue(key: string): Value | undefined {
    const value = this.#old.get(key)
    if (value === undefined) return undefined
    this.#old.delete(key)
    this.set(key, value)
    return value
  }
}
