import { STATUS_RETRY_MS } from '../limits.ts'

/** What an authority has said, and until when it says that it counts, in milliseconds since 1970. */
export interface Said<T extends object> {
  readonly what: T
  readonly until: number
}
interface Kept<T extends object> {
  readonly what: Promise<T | undefined>
  readonly askedAt: number
  failed: boolean
  until: number
}

/**
 * What authorities say of certificates, by who and what was asked: one question at a time for each, shared by all who
 * wait; kept for as long as the answer says at most; a failure is not tried again for STATUS_RETRY_MS. Bounded: those
 * that were asked last are kept, and where too many questions are under way a new one has no answer.
 */
export class StatusCache<T extends object> {
  readonly #now: () => number
  readonly #bounds: { readonly kept: number; readonly underWay: number }
  readonly #kept = new Map<string, Kept<T>>()
  #underWay = 0

  constructor(now: () => number, bounds: { readonly kept: number; readonly underWay: number }) {
    this.#now = now
    this.#bounds = bounds
  }

  /** `undefined` where there is no good answer to be had. Neither it nor `ask` ever rejects. */
  get(
    key: string,
    keptMsMax: number,
    ask: () => Promise<Said<T> | undefined>,
  ): Promise<T | undefined> {
    const askedAt = this.#now()
    const before = this.#kept.get(key)
    if (before !== undefined && isKept(before, askedAt, keptMsMax)) return before.what
    if (this.#underWay >= this.#bounds.underWay) return Promise.resolve(undefined)
    this.#underWay++
    const { promise, resolve } = Promise.withResolvers<T | undefined>()
    const kept: Kept<T> = { what: promise, askedAt, failed: false, until: UNDER_WAY }
    this.#keep(key, kept)
    void ask().then((said) => {
      this.#underWay--
      kept.failed = said === undefined
      kept.until = said?.until ?? this.#now() + STATUS_RETRY_MS
      resolve(said?.what)
    })
    return promise
  }

  #keep(key: string, kept: Kept<T>): void {
    this.#kept.delete(key)
    this.#kept.set(key, kept)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > this.#bounds.kept && oldest !== undefined) this.#kept.delete(oldest)
  }
}

const isKept = (
  { askedAt, failed, until }: Kept<object>,
  now: number,
  keptMsMax: number,
): boolean => now < until && (failed || until === UNDER_WAY || now < askedAt + keptMsMax)

const UNDER_WAY = Number.POSITIVE_INFINITY
