import { type Allowance, type Share, shareOf } from './limiter-usage.ts'

/** What one of several instances may let pass in a window: its share, counting all that it let pass. */
export function withinShare(share: Share): Allowance {
  return ({ own }, { max }) => shareOf(max, share) - own
}

/**
 * The same without Redis, which was lost in the second `lostSecond`: nothing in that second, and in a window that was open
 * then no more than the share of what was left.
 */
export function withoutRedis(share: Share, lostSecond: number): Allowance {
  const ofShare = withinShare(share)
  return (usage, window) => {
    if (window.seconds === 1 && window.index <= lostSecond) return 0
    const left = shareOf(Math.max(window.max - usage.known, 0), share) - usage.unsent
    return Math.min(left, ofShare(usage, window))
  }
}
