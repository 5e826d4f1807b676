import type { Limiter } from './limiter.ts'
import { decideByBook, type Share, shareOf, UsageBook } from './limiter-usage.ts'

/**
 * A limiter that counts in this process. With `share` it lets pass its part of each limit, so that all instances
 * together stay at the limit without talking to each other. Bounded by COUNTED_KEYS_MAX keys in each window.
 */
export function createMemoryLimiter(
  options: { now?: () => number; share?: Share; keysMax?: number } = {},
): Limiter {
  const { now = Date.now, share = { index: 0, of: 1 } } = options
  const book = new UsageBook(options.keysMax)
  return {
    take: (key, limit) =>
      decideByBook(
        book,
        { key, limit, nowMs: now() },
        {
          allowance: ({ own }, { max }) => shareOf(max, share) - own,
          takeUsage: (usage) => {
            usage.own++
          },
        },
      ),
    close: () => Promise.resolve(),
  }
}
