import { mayGet, type Member, type Picker } from './member.ts'

/*
 * Consistent hashing: each member has points on a ring of 2^32 places, in number by its weight; a request goes to the first
 * point at or after its own place whose member may get it. A member's points depend on its id and their number alone:
 * gateways agree without talking, and who comes or goes moves only its own share.
 */

/** Points of the heaviest member, and of all of them. They are looked at when members change, not for requests. */
const POINTS_EACH_MIN = 16
const POINTS_EACH_MAX = 512
const POINTS_MAX = 131_072
/** Slots of Kong's ring for a point of ours: 10 000 slots, its default, are 500 points. */
const SLOTS_PER_POINT = 20
const OWNERS = 2 ** 16

export class HashRing<M extends Member> implements Picker<M> {
  readonly #members: readonly M[]
  /** For requests that are bound to nothing. */
  readonly #otherwise: Picker<M>
  /** Places in order, and whose they are. */
  readonly #places: Uint32Array
  readonly #owners: Uint16Array

  constructor(members: readonly M[], slots: number, otherwise: Picker<M>) {
    this.#members = members
    this.#otherwise = otherwise
    const points = pointsOf(members, slots)
    this.#places = new Uint32Array(points.length)
    this.#owners = new Uint16Array(points.length)
    points.forEach((point, i) => {
      this.#places[i] = Math.floor(point / OWNERS)
      this.#owners[i] = point % OWNERS
    })
  }

  pick(now: number, tried: readonly M[], hash: number | undefined): M | undefined {
    if (hash === undefined) return this.#otherwise.pick(now, tried, undefined)
    // Otherwise a whole ring would be walked for each request that nobody can get.
    if (!this.#members.some((member) => mayGet(member, tried))) return undefined
    const { length } = this.#places
    const from = this.#firstAt(hash)
    for (let i = 0; i < length; i++) {
      const member = this.#members[this.#owners[(from + i) % length] ?? 0]
      if (member !== undefined && mayGet(member, tried)) return member
    }
    return undefined
  }

  /** The number of the first point at or after a place. */
  #firstAt(place: number): number {
    let low = 0
    let high = this.#places.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#places[middle] ?? 0) < place) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * Each point as place × 2^16 + number of its owner, in order: numbers sort fast, and these are below 2^53. A member has
 * points by its weight beside the heaviest: with their sum as the measure all would move when one goes.
 */
function pointsOf(members: readonly Member[], slots: number): Float64Array {
  let heaviest = 0
  for (const { weight } of members) heaviest = Math.max(heaviest, weight)
  let each = Math.min(POINTS_EACH_MAX, Math.max(POINTS_EACH_MIN, slots / SLOTS_PER_POINT))
  while (each * members.length > POINTS_MAX) each /= 2
  const points: number[] = []
  members.forEach(({ id, weight }, owner) => {
    if (weight === 0) return
    const wanted = Math.max(1, Math.round((each * weight) / heaviest))
    for (let i = 0; i < wanted; i++) points.push(hashOf(`${id}#${i}`) * OWNERS + owner)
  })
  return Float64Array.from(points).sort()
}

/**
 * 32 bits of a text: FNV-1a over its UTF-16 units, then the finaliser of MurmurHash3, without which texts that differ only at
 * their end lie close together. It spreads, it protects nothing: who finds a collision has chosen its own target.
 */
export function hashOf(text: string): number {
  let hash = 0x81_1c_9d_c5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35)
  return (hash ^ (hash >>> 16)) >>> 0
}
