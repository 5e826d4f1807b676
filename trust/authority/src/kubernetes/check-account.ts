import type { JsonObject } from '@countersign/ground/jose'

/*
 * The claims of a Kubernetes service-account token (RFC 7519 section 4; Kubernetes, "service account token volume
 * projection"):
 *
 * - `iss` is exactly the cluster's issuer; `aud` is our audience or holds it
 * - `exp` lies ahead; `iat`, and `nbf` where given, lie no more than a minute ahead
 * - `sub` is `system:serviceaccount:<namespace>:<name>`, and what `kubernetes.io` says is the same
 *
 * Each rule states what must hold, so that a NaN lands on the refusing side.
 */
export interface ExpectedAccount {
  readonly issuer: string
  readonly audience: string
  /** Milliseconds since 1970. */
  readonly now: number
}
export interface Account {
  /** `namespace/name`. */
  readonly account: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** The token's own id, where it has one. */
  readonly id: string | undefined
}

const SKEW_MS = 60_000
const AUDIENCES_MAX = 16
const SUBJECT =
  /^system:serviceaccount:([a-z0-9](?:[a-z0-9-]{0,62})):([a-z0-9](?:[a-z0-9.-]{0,252}))$/

/** Whose token it is; a text names the rule that is broken. Checks no signature. */
export function checkAccount(claims: JsonObject, expected: ExpectedAccount): Account | string {
  const broken = checkAddressee(claims, expected) ?? checkTimes(claims, expected.now)
  if (broken !== undefined) return broken
  const { sub, exp, jti } = claims
  const [, namespace, name] = (typeof sub === 'string' ? SUBJECT.exec(sub) : null) ?? []
  if (namespace === undefined || name === undefined) return 'sub is not a service account'
  if (!isSameAccount(claims['kubernetes.io'], namespace, name))
    return 'sub and kubernetes.io name different accounts'
  if (jti !== undefined && !(typeof jti === 'string' && jti !== '' && jti.length <= 256))
    return 'jti is not a short text'
  return { account: `${namespace}/${name}`, expiresAt: Number(exp) * 1_000, id: jti }
}

function checkAddressee({ iss, aud }: JsonObject, expected: ExpectedAccount): string | undefined {
  if (iss !== expected.issuer) return 'it is of another issuer'
  const audiences = Array.isArray(aud) ? aud : [aud]
  if (!(audiences.length <= AUDIENCES_MAX && audiences.every((one) => typeof one === 'string')))
    return 'aud is not a text or a short list of texts'
  return audiences.includes(expected.audience) ? undefined : 'it is for another audience'
}

function checkTimes({ exp, iat, nbf }: JsonObject, now: number): string | undefined {
  const latest = now + SKEW_MS
  const isTime = (value: unknown): value is number => Number.isSafeInteger(value)
  if (!isTime(exp)) return 'exp is not a number'
  if (!(now < exp * 1_000)) return 'it has expired'
  if (!isTime(iat)) return 'iat is not a number'
  if (!(iat * 1_000 <= latest)) return 'it was issued in the future'
  if (nbf === undefined) return undefined
  return isTime(nbf) && nbf * 1_000 <= latest ? undefined : 'it is not valid yet'
}

/** The claim of newer clusters, which says the same in parts. */
function isSameAccount(claim: unknown, namespace: string, name: string): boolean {
  if (claim === undefined) return true
  const { namespace: where, serviceaccount } = Object(claim) as Record<string, unknown>
  const { name: who } = Object(serviceaccount) as Record<string, unknown>
  return where === namespace && who === name
}
