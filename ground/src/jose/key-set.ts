import { CodedError } from '../errors/index.ts'
import type { JsonObject } from './json-object.ts'
import { KEYS_MAX } from './limits.ts'
import { importVerificationKey, type VerificationKey } from './verification-key.ts'

/** Keys by their `kid`. */
export type KeySet = ReadonlyMap<string, VerificationKey>

export interface ImportedKeys {
  readonly keys: KeySet
  /** Keys that were left out, and why. Names are cut and hold no control characters. */
  readonly leftOut: readonly string[]
}

/*
 * A JSON Web Key Set (RFC 7517 section 5) as an issuer publishes it. The whole set is refused when
 *
 * - it is not an object with 1 to 64 keys
 * - it holds a secret: a symmetric key, or private parts (an issuer that publishes these must not be believed)
 * - two keys have one `kid`
 * - no key of it can be used here
 *
 * Single keys that are no use here (for encryption, weak, of other algorithms) are left out, as section 5 asks.
 */

/** Imports a key set. Throws `CodedError` KEYS_INVALID for a set that must not be used. */
export function importKeySet(jwks: unknown): ImportedKeys {
  const list = isObject(jwks) ? jwks.keys : undefined
  if (!Array.isArray(list) || list.length === 0) throw invalid('holds no keys')
  if (list.length > KEYS_MAX) throw invalid(`holds more than ${KEYS_MAX} keys`)
  const seen = new Set<unknown>()
  const keys = new Map<string, VerificationKey>()
  const leftOut: string[] = []
  for (const jwk of list) {
    if (!isObject(jwk)) throw invalid('holds something that is not a key')
    if (jwk.kty === 'oct' || 'k' in jwk || 'd' in jwk) throw invalid('holds a secret')
    if (jwk.kid !== undefined && seen.has(jwk.kid)) throw invalid('holds two keys with one kid')
    seen.add(jwk.kid)
    const key = importVerificationKey(jwk)
    if (typeof key === 'string') leftOut.push(`${nameOf(jwk)} ${key}`)
    else keys.set(key.kid, key)
  }
  if (keys.size === 0) throw invalid(`holds no key for signatures: ${leftOut.join('; ')}`)
  return { keys, leftOut }
}

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const nameOf = ({ kid }: JsonObject): string =>
  typeof kid === 'string' ? JSON.stringify(kid.slice(0, 40)) : 'a key without kid'

const invalid = (why: string): CodedError<'KEYS_INVALID'> =>
  new CodedError('KEYS_INVALID', `the key set ${why}`)
