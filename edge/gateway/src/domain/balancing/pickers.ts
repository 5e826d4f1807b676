import { mayGet, type Member, type Picker } from './member.ts'

/*
 * Kong's algorithms but the one that hashes. Each choice is a plain loop over the members, and nothing is made for it.
 */
type Members<M> = readonly M[]

/**
 * Smooth weighted round-robin, as nginx does it: each gets credit by its weight, the richest is chosen and pays for all.
 * With weights 5, 1, 1 that is a a b a c a a: never five in a row for one.
 */
export class RoundRobin<M extends Member> implements Picker<M> {
  readonly #members: Members<M>
  constructor(members: Members<M>) {
    this.#members = members
  }
  pick(now: number, tried: readonly M[]): M | undefined {
    let best: M | undefined
    let total = 0
    for (const member of this.#members) {
      if (!mayGet(member, tried)) continue
      const weight = member.weight * member.shareAt(now)
      total += weight
      member.credit += weight
      if (best === undefined || member.credit > best.credit) best = member
    }
    if (best !== undefined) best.credit -= total
    return best
  }
}

/** Who has least to do for its weight. Equals take turns: the search begins one further each time. */
export class LeastConnections<M extends Member> implements Picker<M> {
  readonly #members: Members<M>
  #turn = 0
  constructor(members: Members<M>) {
    this.#members = members
  }
  pick(now: number, tried: readonly M[]): M | undefined {
    this.#turn++
    return cheapest(this.#members, tried, this.#turn, now, loadOf)
  }
}

/** Who is expected to answer soonest. Those that nobody knows yet are asked first, one request at a time. */
export class LeastLatency<M extends Member> implements Picker<M> {
  readonly #members: Members<M>
  #turn = 0
  constructor(members: Members<M>) {
    this.#members = members
  }
  pick(now: number, tried: readonly M[]): M | undefined {
    this.#turn++
    return cheapest(this.#members, tried, this.#turn, now, waitOf)
  }
}

/** A request under way at somebody unknown says that it is busy, and not how long it takes. */
const UNKNOWN_MS = 1_000
function waitOf(member: Member, now: number): number {
  const { inFlight } = member
  const latencyMs = member.latencyAt(now)
  return latencyMs > 0 ? latencyMs * (inFlight + 1) : inFlight * UNKNOWN_MS
}

function loadOf(member: Member): number {
  return member.inFlight + 1
}

/** The lowest cost for its weight, looked for from `from` on. Five parameters: an object would be made for each request. */
function cheapest<M extends Member>(
  members: Members<M>,
  tried: readonly M[],
  from: number,
  now: number,
  costOf: (member: Member, now: number) => number,
): M | undefined {
  let best: M | undefined
  let lowest = Number.POSITIVE_INFINITY
  for (let i = 0; i < members.length; i++) {
    const member = members[(from + i) % members.length]
    if (member === undefined || !mayGet(member, tried)) continue
    const cost = costOf(member, now) / (member.weight * member.shareAt(now))
    if (best !== undefined && !(cost < lowest)) continue
    best = member
    lowest = cost
  }
  return best
}

/** Of two at random the one with less to do, whatever the weights: no herd runs after the one best. */
export class TwoChoices<M extends Member> implements Picker<M> {
  readonly #members: Members<M>
  readonly #random: () => number
  constructor(members: Members<M>, random: () => number) {
    this.#members = members
    this.#random = random
  }
  pick(_now: number, tried: readonly M[]): M | undefined {
    let able = 0
    for (const member of this.#members) if (mayGet(member, tried)) able++
    if (able === 0) return undefined
    const at = Math.floor(this.#random() * able)
    const first = this.#nth(at, tried)
    if (able === 1) return first
    const other = Math.floor(this.#random() * (able - 1))
    const second = this.#nth(other < at ? other : other + 1, tried)
    if (first === undefined || second === undefined) return first
    return second.inFlight < first.inFlight ? second : first
  }
  #nth(wanted: number, tried: readonly M[]): M | undefined {
    let left = wanted
    for (const member of this.#members) if (mayGet(member, tried) && left-- === 0) return member
    return undefined
  }
}
