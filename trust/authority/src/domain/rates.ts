import { JOIN_RATES_MAX, type Rate } from '../limits.ts'

/** What is left to somebody, and when that was. */
interface Bucket {
  readonly left: number
  readonly at: number
}
/** By whom: an address, or a token. */
export type Buckets = Map<string, Bucket>

/** Takes one from somebody's share. False: it is used up. Keeps the map bounded, oldest out first. */
export function takeFor(
  buckets: Buckets,
  who: string,
  { burst, perSecond }: Rate,
  now: number,
): boolean {
  const bucket = buckets.get(who) ?? { left: burst, at: now }
  const refilled = bucket.left + (Math.max(0, now - bucket.at) / 1_000) * perSecond
  const left = Math.min(burst, refilled)
  const passes = left >= 1
  buckets.delete(who)
  const [oldest] = buckets.keys()
  if (buckets.size >= JOIN_RATES_MAX && oldest !== undefined) buckets.delete(oldest)
  buckets.set(who, { left: passes ? left - 1 : left, at: now })
  return passes
}
