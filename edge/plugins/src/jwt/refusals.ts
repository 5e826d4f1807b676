import { Refusal } from '@countersign/layers'
import { challenge } from '../support/refuse.ts'
import type { TimeFault } from '../tokens/check-times.ts'

/** How a token is refused: Kong's texts, and its `WWW-Authenticate`. */
export interface JwtRefusals {
  /** No token at all. */
  missing(): Refusal
  invalid(message: string): Refusal
  /** Of a credential that is no good by itself: what is wrong is for the operator only. */
  unusable(why: string): Refusal
  time(fault: TimeFault): Refusal
  /** What the platform's verifier has thrown, with the members that Kong's clients look for. */
  inKongsWords(error: unknown): unknown
}

export function createRefusals(realm: string | null): JwtRefusals {
  const asks = { 'www-authenticate': challenge('Bearer', realm) }
  const says = { 'www-authenticate': challenge('Bearer', realm, 'invalid_token') }
  const invalid = (message: string, rule = message): Refusal =>
    new Refusal('TOKEN_INVALID', {
      ...{ message, rule: `jwt: ${rule}`, headers: says },
      remedy:
        'send one token that is signed with the credential of a consumer, or one of our provider',
    })
  return {
    missing: () =>
      new Refusal('TOKEN_MISSING', {
        ...{ message: 'Unauthorized', rule: 'jwt: no token was sent', headers: asks },
        remedy: 'send a token as "Authorization: Bearer <token>"',
      }),
    invalid,
    unusable: (why) => invalid('Invalid key/secret', `the credential cannot be used: ${why}`),
    time: ({ claim, text }) =>
      new Refusal('TOKEN_INVALID', {
        ...{ message: text, rule: `jwt: ${claim} ${text}`, headers: says },
        errors: [{ field: claim, message: text }],
        remedy: 'get a new token',
      }),
    inKongsWords: (error) =>
      error instanceof Refusal && error.status === 401 && error.facts.message === undefined
        ? new Refusal(error.code, { ...error.facts, message: 'Unauthorized', headers: says })
        : error,
  }
}
