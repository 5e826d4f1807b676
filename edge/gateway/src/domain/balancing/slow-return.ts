/** Who comes back starts with this share of its weight … */
const SHARE_MIN = 0.1
/** … and has all of it after this. */
export const RETURN_MS = 10_000

/**
 * The share of its weight that a target gets: all of it, unless it came back at `returnedAt` a short while ago. Caches are
 * cold then, and what knocked it over may still wait for it.
 */
export function shareOf(returnedAt: number | undefined, now: number): number {
  if (returnedAt === undefined) return 1
  const passed = (now - returnedAt) / RETURN_MS
  return passed >= 1 ? 1 : Math.max(SHARE_MIN, passed)
}
