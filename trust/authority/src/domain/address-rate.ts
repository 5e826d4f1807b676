import {
  JOIN_ADDRESSES_MAX,
  JOIN_BURST_PER_ADDRESS,
  JOIN_PER_SECOND_PER_ADDRESS,
} from '../limits.ts'

/** What is left to an address, and when that was. */
interface Bucket {
  readonly left: number
  readonly at: number
}
export type Buckets = Map<string, Bucket>

/** Takes one request from an address's bucket. False: it has used up its share. Keeps the map bounded, oldest out first. */
export function takeFor(buckets: Buckets, address: string, now: number): boolean {
  const bucket = buckets.get(address) ?? { left: JOIN_BURST_PER_ADDRESS, at: now }
  const refilled =
    bucket.left + (Math.max(0, now - bucket.at) / 1_000) * JOIN_PER_SECOND_PER_ADDRESS
  const left = Math.min(JOIN_BURST_PER_ADDRESS, refilled)
  const passes = left >= 1
  buckets.delete(address)
  const [oldest] = buckets.keys()
  if (buckets.size >= JOIN_ADDRESSES_MAX && oldest !== undefined) buckets.delete(oldest)
  buckets.set(address, { left: passes ? left - 1 : left, at: now })
  return passes
}
