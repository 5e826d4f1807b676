import type { JsonObject, JwsHeader } from '@countersign/ground/jose'
import {
  AUDIENCES_MAX,
  CLAIM_CHARS_MAX,
  CLOCK_SKEW_SECONDS_MAX,
  ROLES_MAX,
  SCOPES_MAX,
} from './limits.ts'
import type { VerifiedToken } from './token.ts'

/*
 * What an access token must say (RFC 9068 section 4, RFC 8705 section 3.1):
 *
 * - its type is `at+jwt`: an ID token or a refresh token is none
 * - `iss` is exactly our issuer; `aud` is our audience or holds it
 * - `exp` lies ahead; `iat`, and `nbf` where given, lie no more than a minute ahead
 * - `sub` is a text; `roles`, where given, are texts; so are `preferred_username`, `client_id`, `jti` and `scope`
 * - `cnf`, where given, binds to a certificate: a binding that we cannot check is not ignored
 *
 * Each rule states what must hold, so that a NaN lands on the refusing side.
 */
export interface Expected {
  readonly issuer: string
  readonly audience: string
  /** Seconds since 1970. */
  readonly nowSeconds: number
}

/** Reads the claims of a token; a text names the rule that is broken. */
export function checkClaims(
  header: JwsHeader,
  claims: JsonObject,
  expected: Expected,
): VerifiedToken | string {
  const broken =
    checkType(header.typ) ?? checkAddressee(claims, expected) ?? checkTimes(claims, expected)
  if (broken !== undefined) return broken
  const { sub, exp, preferred_username: name, client_id: clientId, jti: tokenId } = claims
  if (!isText(sub)) return 'sub is not a text'
  if (!isOptionalText(name) || !isOptionalText(clientId) || !isOptionalText(tokenId))
    return 'a name in it is not a text'
  const roles = readRoles(claims.roles)
  const scopes = readScopes(claims.scope)
  if (roles === undefined) return 'roles are not a short list of texts'
  if (scopes === undefined) return 'scope is not a text'
  const boundTo = readBinding(claims.cnf)
  if (boundTo === false) return 'cnf binds it in a way that is not known here'
  const person = Object.freeze({ id: sub, name, roles, clientId, tokenId })
  return Object.freeze({ person, expiresAt: Number(exp), boundTo, scopes })
}

function checkType(typ: string | undefined): string | undefined {
  const type = typ?.toLowerCase()
  return type === 'at+jwt' || type === 'application/at+jwt'
    ? undefined
    : 'it is not an access token (typ is not at+jwt)'
}

function checkAddressee({ iss, aud }: JsonObject, expected: Expected): string | undefined {
  if (iss !== expected.issuer) return 'it is of another issuer'
  const audiences = Array.isArray(aud) ? aud : [aud]
  if (!(audiences.length <= AUDIENCES_MAX && audiences.every((one) => typeof one === 'string')))
    return 'aud is not a text or a short list of texts'
  return audiences.includes(expected.audience) ? undefined : 'it is for another audience'
}

function checkTimes({ exp, iat, nbf }: JsonObject, { nowSeconds }: Expected): string | undefined {
  const latest = nowSeconds + CLOCK_SKEW_SECONDS_MAX
  if (!Number.isFinite(exp)) return 'exp is not a number'
  if (!(nowSeconds < Number(exp))) return 'it has expired'
  if (!Number.isFinite(iat)) return 'iat is not a number'
  if (!(Number(iat) <= latest)) return 'it was issued in the future'
  if (nbf === undefined) return undefined
  if (!Number.isFinite(nbf)) return 'nbf is not a number'
  return Number(nbf) <= latest ? undefined : 'it is not valid yet'
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= CLAIM_CHARS_MAX
const isOptionalText = (value: unknown): value is string | undefined =>
  value === undefined || isText(value)

function readRoles(roles: unknown): readonly string[] | undefined {
  if (roles === undefined) return Object.freeze([])
  if (!Array.isArray(roles) || roles.length > ROLES_MAX || !roles.every(isText)) return undefined
  return Object.freeze([...roles])
}

function readScopes(scope: unknown): readonly string[] | undefined {
  if (scope === undefined) return Object.freeze([])
  if (typeof scope !== 'string' || scope.length > SCOPES_MAX * CLAIM_CHARS_MAX) return undefined
  const scopes = scope.split(' ').filter((one) => one !== '')
  return scopes.length <= SCOPES_MAX ? Object.freeze(scopes) : undefined
}

/** The thumbprint of a bound token, `undefined` for one that is not bound, `false` for a binding of another kind. */
function readBinding(cnf: unknown): string | undefined | false {
  if (cnf === undefined) return undefined
  if (typeof cnf !== 'object' || cnf === null) return false
  const { 'x5t#S256': thumbprint, ...others } = cnf as Record<string, unknown>
  const known = isText(thumbprint) && Object.keys(others).length === 0
  return known ? thumbprint : false
}
