/*
 * - ends after it starts
 * - starts no earlier than now, less the tolerated skew
 * - lives no longer than its profile allows
 * - never outlives its issuer
 * Each rule states what must hold, so that a NaN lands on the refusing side.
 */
export interface Span {
  readonly notBefore: number
  readonly notAfter: number
}
export interface Bounds {
  readonly now: number
  readonly skewMs: number
  readonly lifetimeMsMax: number
  readonly issuer: Span
}
export type ValidityRefusal =
  | 'EMPTY'
  | 'STARTS_TOO_EARLY'
  | 'STARTS_BEFORE_ISSUER'
  | 'LIVES_TOO_LONG'
  | 'OUTLIVES_ISSUER'

/** Whether a certificate may have this span. Times are milliseconds since 1970. */
export function checkValidity(wanted: Span, b: Bounds): ValidityRefusal | undefined {
  if (!(wanted.notBefore < wanted.notAfter)) return 'EMPTY'
  if (!(wanted.notBefore >= b.now - b.skewMs)) return 'STARTS_TOO_EARLY'
  if (!(wanted.notBefore >= b.issuer.notBefore)) return 'STARTS_BEFORE_ISSUER'
  if (!(wanted.notAfter - wanted.notBefore <= b.lifetimeMsMax + b.skewMs)) return 'LIVES_TOO_LONG'
  if (!(wanted.notAfter <= b.issuer.notAfter)) return 'OUTLIVES_ISSUER'
  return undefined
}
