/** A generator of 32-bit numbers (xorshift): the same seed gives the same bytes again. */
export class Chance {
  #state: number
  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0 || 1
  }
  /** 0 to `below` - 1. */
  number(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % below
  }
  of<T>(all: readonly T[]): T {
    const one = all[this.number(all.length)]
    if (one === undefined) throw new Error('nothing to choose from')
    return one
  }
  /** True once in `times`. */
  once(times: number): boolean {
    return this.number(times) === 0
  }
}
