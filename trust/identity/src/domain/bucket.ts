/*
 * A leaking bucket in one number (GCRA): `fullUntil` is the moment at which it will be empty again.
 *
 * - at most `burst` takings at once, then one each `refillMs`
 * - a refused taking changes nothing
 * - a taking can be given back, never below empty
 */
export interface Bucket {
  readonly burst: number
  readonly refillMs: number
}

/** The new state after one taking, or how long to wait. `state` and `now` in milliseconds. */
export function take(
  bucket: Bucket,
  state: number | undefined,
  now: number,
): { readonly state: number } | { readonly waitMs: number } {
  const next = Math.max(state ?? now, now) + bucket.refillMs
  const waitMs = next - bucket.burst * bucket.refillMs - now
  return waitMs <= 0 ? { state: next } : { waitMs }
}

/** The state without one of its takings; `undefined` when nothing is left to remember. */
export function giveBack(
  bucket: Bucket,
  state: number | undefined,
  now: number,
): number | undefined {
  const next = (state ?? now) - bucket.refillMs
  return next > now ? next : undefined
}
