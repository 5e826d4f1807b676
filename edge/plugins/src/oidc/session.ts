import { type JsonObject, parseJsonObject } from '@countersign/ground/jose'
import type { TokenEndpointResponse } from 'openid-client'
import { REFRESH_EARLY_MS_MAX } from '../limits.ts'

/** What is kept of a login. Times are milliseconds since 1970. */
export interface Kept {
  readonly idToken: string
  readonly scope: string
  readonly accessToken: string
  readonly refreshToken: string | undefined
  /** The access token is good until then, and with it what the session proves. */
  readonly expiresAt: number
  /** From then on it is worth asking for new ones. */
  readonly refreshAt: number
  readonly startedAt: number
  /** When the cookie was written. */
  readonly seenAt: number
}
/** Who has logged in. */
export interface Session extends Kept {
  /** Of the ID token, which was verified when it came; and the scope. */
  readonly claims: JsonObject
}

/** `undefined` where the ID token is not one plain JSON object. */
export function readSession(kept: Kept): Session | undefined {
  const payload = kept.idToken.split('.')[1] ?? ''
  const claims = parseJsonObject(Buffer.from(payload, 'base64url'))
  return claims && { ...kept, claims: { scope: kept.scope, ...claims } }
}

/**
 * The session that the token endpoint's answer makes, or goes on with `before`. What a refresh does not say anew stays
 * as it was (RFC 6749 section 6, OpenID Connect Core 1.0 section 12.2).
 */
export function sessionOf(
  tokens: TokenEndpointResponse,
  about: { readonly now: number; readonly scope: string; readonly before?: Session },
): Session | undefined {
  const { now, scope, before } = about
  const session = readSession({
    idToken: tokens.id_token ?? before?.idToken ?? '',
    scope: tokens.scope ?? scope,
    accessToken: tokens.access_token,
    refreshToken: tokens.refresh_token ?? before?.refreshToken,
    ...{ expiresAt: 0, refreshAt: 0, startedAt: before?.startedAt ?? now, seenAt: now },
  })
  if (session === undefined) return undefined
  const lifeMs = lifeOf(tokens, session.claims, now)
  const earlyMs = Math.min(REFRESH_EARLY_MS_MAX, lifeMs / 4)
  return { ...session, expiresAt: now + lifeMs, refreshAt: now + lifeMs - earlyMs }
}

/** An issuer need not say how long an access token is good: then it is for as long as the ID token. */
function lifeOf({ expires_in }: TokenEndpointResponse, { exp }: JsonObject, now: number): number {
  if (typeof expires_in === 'number') return Math.max(0, expires_in * 1000)
  return typeof exp === 'number' ? Math.max(0, exp * 1000 - now) : 0
}
