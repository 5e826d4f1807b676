import { Refusal } from './refusal.ts'

/*
 * How a door says no to a token (RFC 6750 section 3). The caller learns that the token is not valid, never which
 * check failed; the rule is for the log. The token itself is in neither.
 */

/** No token where one is needed. */
export function unauthorized(rule = 'token: none was sent'): Refusal {
  return new Refusal('TOKEN_MISSING', {
    detail: 'Send an access token in the Authorization header, with the scheme Bearer.',
    rule,
    remedy: 'log in, and send the access token as "Authorization: Bearer <token>"',
    headers: { 'www-authenticate': 'Bearer' },
  })
}

/** A token that failed a check. `why` names the check, as in `algorithm HS256 is not the key's`. */
export function invalidToken(why: string, remedy = 'send an access token of this issuer'): Refusal {
  return new Refusal('TOKEN_INVALID', {
    detail: 'The access token is not valid here. Ask for a new one.',
    rule: `token: ${why}`,
    remedy,
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}

/** No keys to check tokens with. */
export function keysUnavailable(cause: unknown): Refusal {
  return new Refusal('KEYS_UNAVAILABLE', {
    detail: 'Tokens cannot be checked at the moment. Try again.',
    rule: 'token: no keys of the issuer could be had',
    remedy: 'bring the identity provider back, and see that its key set can be fetched',
    headers: { 'retry-after': '2' },
    ...(cause === undefined ? {} : { cause }),
  })
}
