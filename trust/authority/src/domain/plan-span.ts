import { type Bounds, checkValidity, type Span } from './check-validity.ts'

/*
 * - starts `skewMs` in the past, but not before its issuer
 * - lives as long as wanted, but never outlives its issuer
 * - an issuer that leaves less than half of the wanted life is nearly expired, and signs no more: certificates that
 *   end at once would only hide that it has to be replaced
 * - what comes out passes `checkValidity`; anything odd on the way is refused
 */
export function planSpan(
  wanted: Omit<Bounds, 'lifetimeMsMax'> & { lifetimeMs: number },
): Span | 'ISSUER_ENDS_SOON' {
  const { now, skewMs, issuer, lifetimeMs } = wanted
  const notBefore = Math.max(now - skewMs, issuer.notBefore)
  const notAfter = Math.min(now + lifetimeMs, issuer.notAfter)
  if (!(notAfter - now >= lifetimeMs / 2)) return 'ISSUER_ENDS_SOON'
  const span = { notBefore, notAfter }
  const refusal = checkValidity(span, { ...wanted, lifetimeMsMax: lifetimeMs })
  return refusal === undefined ? span : 'ISSUER_ENDS_SOON'
}
