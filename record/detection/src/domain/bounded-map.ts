/** A map of at most `sizeMax` entries: the one that was not used for longest goes first. */
export class BoundedMap<Value> {
  readonly #entries = new Map<string, Value>()
  readonly #sizeMax: number

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }
  get size(): number {
    return this.#entries.size
  }
  /** Gets a value and counts that as its use. */
  use(key: string): Value | undefined {
    const value = this.#entries.get(key)
    if (value !== undefined) {
      this.#entries.delete(key)
      this.#entries.set(key, value)
    }
    return value
  }
  set(key: string, value: Value): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > this.#sizeMax && oldest !== undefined) this.#entries.delete(oldest)
  }
  /** From the longest unused to the last used. */
  keys(): string[] {
    return [...this.#entries.keys()]
  }
}
