import type { JsonObject } from '@countersign/ground/jose'
import { CLOCK_SKEW_SECONDS_MAX } from '../limits.ts'

/*
 * When a token is good (RFC 7519 section 4.1.4 to 4.1.6):
 *
 * - `exp` is there, a number, and lies ahead (or `leewaySeconds` back), for no more than `secondsMax` where that is given
 * - `nbf` and `iat`, where given, are numbers, and lie no more than a minute ahead
 *
 * Each rule states what must hold, so that a NaN lands on the refusing side.
 */
export interface TimeFault {
  readonly claim: 'exp' | 'nbf' | 'iat'
  /** In Kong's words. */
  readonly text: string
}

export function checkTimes(
  { exp, nbf, iat }: JsonObject,
  {
    now,
    secondsMax = 0,
    leewaySeconds = 0,
  }: { readonly now: number; readonly secondsMax?: number; readonly leewaySeconds?: number },
): TimeFault | undefined {
  const seconds = now / 1000
  const latest = seconds + CLOCK_SKEW_SECONDS_MAX
  if (!isNumber(exp)) return { claim: 'exp', text: 'must be a number' }
  if (!(seconds < exp + leewaySeconds)) return { claim: 'exp', text: 'token expired' }
  if (secondsMax > 0 && !(exp - seconds <= secondsMax))
    return { claim: 'exp', text: 'exceeds maximum allowed expiration' }
  if (nbf !== undefined) {
    if (!isNumber(nbf)) return { claim: 'nbf', text: 'must be a number' }
    if (!(nbf <= latest)) return { claim: 'nbf', text: 'token not valid yet' }
  }
  if (iat === undefined) return undefined
  if (!isNumber(iat)) return { claim: 'iat', text: 'must be a number' }
  return iat <= latest ? undefined : { claim: 'iat', text: 'token not valid yet' }
}

const isNumber = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value)
