import type { Span } from './check-validity.ts'

/*
 * The life of an intermediate:
 *
 * - starts `skewMs` in the past, older than any leaf below it can say it is, but not before its root
 * - lives as long as wanted, but never outlives its root
 * - a root that leaves less than `shareMin` of the wanted life is nearly ended, and signs no more
 */
export function planCaSpan(wanted: {
  readonly now: number
  readonly skewMs: number
  readonly root: Span
  readonly lifetimeMs: number
  readonly shareMin: number
}): Span | 'ISSUER_ENDS_SOON' {
  const { now, skewMs, root, lifetimeMs, shareMin } = wanted
  const notBefore = Math.max(now - skewMs, root.notBefore)
  const notAfter = Math.min(now + lifetimeMs, root.notAfter)
  return notAfter - now >= lifetimeMs * shareMin && notBefore < notAfter
    ? { notBefore, notAfter }
    : 'ISSUER_ENDS_SOON'
}
