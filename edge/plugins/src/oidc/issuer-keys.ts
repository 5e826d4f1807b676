import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { isBase64url } from '@countersign/ground/jose'
import { ISSUER_KEYS_MAX } from '../limits.ts'
import { isSymmetric, type Verifies, verifierOf } from '../tokens/algorithms.ts'

/*
 * The keys of an issuer (RFC 7517 section 5). The whole set is refused when it
 *
 * - is not an object with 1 to 64 keys
 * - holds a secret: a symmetric key or private parts
 * - has two keys with one `kid`
 * - has no key that can be used here
 *
 * Single keys that are no use here are left out. A key is for exactly one algorithm: the one it names, or else the one
 * that its kind has; an RSA key that names none is for RS256.
 */
export interface IssuerKey {
  readonly algorithm: string
  readonly verifies: Verifies
}
/** By `kid`; a key without one is under the empty text. */
export type IssuerKeys = ReadonlyMap<string, IssuerKey>

/** Reads a key set; a text says what is wrong with it. */
export function readKeys(set: unknown, algorithms: readonly string[]): IssuerKeys | string {
  const list = isObject(set) ? set.keys : undefined
  if (!Array.isArray(list) || list.length === 0) return 'the key set holds no keys'
  if (!(list.length <= ISSUER_KEYS_MAX)) return 'the key set holds too many keys'
  const keys = new Map<string, IssuerKey>()
  const seen = new Set<unknown>()
  for (const jwk of list) {
    if (!isObject(jwk)) return 'the key set holds something that is not a key'
    if (jwk.kty === 'oct' || 'k' in jwk || 'd' in jwk) return 'the key set holds a secret'
    const kid = jwk.kid ?? ''
    if (seen.has(kid)) return 'the key set holds two keys with one kid'
    seen.add(kid)
    const key = readKey(jwk, algorithms)
    if (key !== undefined && typeof kid === 'string') keys.set(kid, key)
  }
  return keys.size === 0 ? 'the key set holds no key for signatures' : keys
}

type Jwk = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Jwk =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function readKey(jwk: Jwk, algorithms: readonly string[]): IssuerKey | undefined {
  const { use, key_ops: operations } = jwk
  if (use !== undefined && use !== 'sig') return undefined
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return undefined
  const algorithm = algorithmOf(jwk)
  if (algorithm === undefined || isSymmetric(algorithm) || !algorithms.includes(algorithm))
    return undefined
  const key = importKey(jwk)
  const verifies = key === undefined ? undefined : verifierOf(algorithm, key)
  return typeof verifies === 'function' ? { algorithm, verifies } : undefined
}

const BY_KIND: Readonly<Record<string, string>> = {
  'RSA ': 'RS256',
  'EC P-256': 'ES256',
  'EC P-384': 'ES384',
  'EC P-521': 'ES512',
  'OKP Ed25519': 'EdDSA',
}

function algorithmOf({ alg, kty, crv }: Jwk): string | undefined {
  if (alg !== undefined) return typeof alg === 'string' ? alg : undefined
  const kind = `${String(kty)} ${typeof crv === 'string' ? crv : ''}`
  return Object.hasOwn(BY_KIND, kind) ? BY_KIND[kind] : undefined
}

/** The public key that a proof of DPoP brings, for its algorithm; `undefined` where it is none. */
export function readProofKey(jwk: unknown, algorithm: string): Verifies | undefined {
  if (!isObject(jwk) || jwk.kty === 'oct' || 'k' in jwk || 'd' in jwk) return undefined
  const key = importKey(jwk)
  const verifies = key === undefined ? undefined : verifierOf(algorithm, key)
  return typeof verifies === 'function' ? verifies : undefined
}

const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/** SHA-256 of a key in its one form (RFC 7638 section 3), in base64url. Costs no cryptography with keys. */
export function thumbprintOf(jwk: unknown): string | undefined {
  if (!isObject(jwk) || typeof jwk.kty !== 'string' || !Object.hasOwn(MEMBERS, jwk.kty))
    return undefined
  const parts: Record<string, string> = {}
  for (const name of MEMBERS[jwk.kty] ?? []) {
    const value = jwk[name]
    if (typeof value !== 'string') return undefined
    parts[name] = value
  }
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

function importKey(jwk: Jwk): KeyObject | undefined {
  const parts: Record<string, string> = {}
  for (const name of ['kty', 'crv', 'x', 'y', 'n', 'e']) {
    const value = jwk[name]
    if (typeof value !== 'string') continue
    if (name !== 'kty' && name !== 'crv' && !isBase64url(value)) return undefined
    parts[name] = value
  }
  try {
    return createPublicKey({ key: parts, format: 'jwk' })
  } catch {
    return undefined
  }
}
