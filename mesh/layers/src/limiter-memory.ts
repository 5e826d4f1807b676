import { type Limiter, takeOne } from './limiter.ts'
import { decideAlone, decideWindows } from './limiter-own-share.ts'
import { BucketBook } from './limiter-smooth.ts'
import { type Share, UsageBook } from './limiter-usage.ts'
import { COUNTED_KEYS_MAX } from './limits.ts'

/**
 * A limiter that counts in this process. With `share` it lets pass its part of each limit, so that all instances
 * together stay at the limit without talking to each other. Bounded by COUNTED_KEYS_MAX keys in each window.
 */
export function createMemoryLimiter(
  options: { now?: () => number; share?: Share; keysMax?: number } = {},
): Limiter {
  const { now = Date.now, share = { index: 0, of: 1 }, keysMax = COUNTED_KEYS_MAX } = options
  const books = {
    usage: new UsageBook(keysMax),
    buckets: new BucketBook(keysMax),
    share,
    lostMs: Number.NEGATIVE_INFINITY,
  }
  const limiter: Limiter = {
    take: (key, limit) =>
      limit.smooth === undefined
        ? decideWindows(books, limit, key, now())
        : takeOne(limiter, { key, limit }),
    takeAll: (demands) => decideAlone(books, demands, now()).verdict,
    close: () => Promise.resolve(),
  }
  return limiter
}
