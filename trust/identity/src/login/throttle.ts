import { type Bucket, giveBack, take } from '../domain/bucket.ts'
import { NAME_BUCKET, PAIR_BUCKET, SOURCE_BUCKET, THROTTLE_ENTRIES_MAX } from '../limits.ts'

/** One login that may be tried. Exactly one of the three has to be called; a failure is already counted. */
export interface Attempt {
  succeeded(): void
  failed(): void
  /** The password could not be checked at all: nothing is counted. */
  cancelled(): void
}
export interface LoginThrottle {
  /** Counts the attempt as failed at once, so that parallel guesses cannot slip in before the first verdict. */
  begin(username: string, source: string): Attempt | { readonly retryAfterSeconds: number }
}

/**
 * Slows guessing down: one source at one name, one source at many names, many sources at one name.
 * An address from which the owner has logged in before is not slowed by what others do to the name.
 * Memory is bounded; counts are of this process and are forgotten when it stops.
 */
export function createLoginThrottle(now: () => number = Date.now): LoginThrottle {
  const pairs = boundedMap<number>(THROTTLE_ENTRIES_MAX)
  const sources = boundedMap<number>(THROTTLE_ENTRIES_MAX)
  const names = boundedMap<number>(THROTTLE_ENTRIES_MAX)
  const known = boundedMap<true>(THROTTLE_ENTRIES_MAX)

  return {
    begin(username, source) {
      const pair = `${source} ${username}`
      const charges: Charge[] = [
        { bucket: PAIR_BUCKET, states: pairs, key: pair },
        { bucket: SOURCE_BUCKET, states: sources, key: source },
      ]
      if (!known.has(pair)) charges.push({ bucket: NAME_BUCKET, states: names, key: username })
      const waitMs = charge(charges, now())
      if (waitMs > 0) return { retryAfterSeconds: Math.ceil(waitMs / 1_000) }
      return {
        succeeded() {
          for (const each of charges) refund(each, now())
          pairs.delete(pair)
          known.set(pair, true)
        },
        failed() {},
        cancelled() {
          for (const each of charges) refund(each, now())
        },
      }
    },
  }
}

interface Charge {
  readonly bucket: Bucket
  readonly states: BoundedMap<number>
  readonly key: string
}

/** Takes from all buckets or from none. Says how long to wait; 0 when it took. */
function charge(charges: readonly Charge[], now: number): number {
  const taken = charges.map(({ bucket, states, key }) => take(bucket, states.get(key), now))
  const waitMs = Math.max(...taken.map((each) => ('waitMs' in each ? each.waitMs : 0)))
  if (waitMs > 0) return waitMs
  for (const [i, { states, key }] of charges.entries()) {
    const each = taken[i]
    if (each !== undefined && 'state' in each) states.set(key, each.state)
  }
  return 0
}

function refund({ bucket, states, key }: Charge, now: number): void {
  const state = giveBack(bucket, states.get(key), now)
  if (state === undefined) states.delete(key)
  else states.set(key, state)
}

interface BoundedMap<V> {
  get(key: string): V | undefined
  has(key: string): boolean
  set(key: string, value: V): void
  delete(key: string): void
}

/** A map that forgets what was written longest ago. */
function boundedMap<V>(max: number): BoundedMap<V> {
  const map = new Map<string, V>()
  return {
    get: (key) => map.get(key),
    has: (key) => map.has(key),
    set(key, value) {
      map.delete(key)
      map.set(key, value)
      if (map.size <= max) return
      const oldest = map.keys().next()
      if (!oldest.done) map.delete(oldest.value)
    },
    delete: (key) => void map.delete(key),
  }
}
