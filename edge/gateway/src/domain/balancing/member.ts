/** One of those among whom a request's destination is chosen, as far as the choice goes. */
export interface Member {
  /** `host:port@address` or the like: the same at every gateway, so that all hash alike. */
  readonly id: string
  /** Whether it may get a request now. */
  readonly available: boolean
  /** Requests that it has to answer yet. */
  readonly inFlight: number
  /** As configured; 0 drains. */
  readonly weight: number
  /** What smooth round-robin has given it and not yet taken. Owned by the picker. */
  credit: number
  /** Its share of `weight` at `now`, 0 to 1: below 1 while it comes back slowly. */
  shareAt(now: number): number
  /** Expected milliseconds for one request more at `now`; 0 where nothing is known. */
  latencyAt(now: number): number
}

/** Chooses one of `members` that is available, has weight, and was not tried; `undefined`: there is none. */
export interface Picker<M extends Member> {
  /** `hash`: of what the request is bound to; `undefined` where it is bound to nothing. */
  pick(now: number, tried: readonly M[], hash: number | undefined): M | undefined
}

/** Who was tried already. */
export const NOBODY: readonly never[] = Object.freeze([])

export const mayGet = <M extends Member>(member: M, tried: readonly M[]): boolean =>
  member.weight > 0 && member.available && (tried.length === 0 || !tried.includes(member))
