import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { isBase64url, type JsonObject } from '@countersign/ground/jose'
import { readPublicKey, X509Error } from '@countersign/ground/x509'
import { AcmeProblem, malformed } from '../problem.ts'

/*
 * The key of an account, as a JSON Web Key (RFC 7517):
 *
 * - public: whoever sends us a private member has lost the key, and hears it
 * - EC on P-256 or P-384, RSA of 2048 to 8192 bits; none that is known to be weak
 * - good for one algorithm, which its kind decides; what a JWS says of algorithms is only compared with it
 *
 * It is known by its thumbprint (RFC 7638), made from the needed members alone.
 */
export type AccountAlgorithm = 'ES256' | 'ES384' | 'RS256'
export const ALGORITHMS: readonly AccountAlgorithm[] = ['ES256', 'ES384', 'RS256']

export interface AccountKey {
  readonly algorithm: AccountAlgorithm
  readonly publicKey: KeyObject
  readonly thumbprint: string
  /** The members that matter, sorted by name: the thumbprint is made of this text. */
  readonly jwk: Readonly<Record<string, string>>
}

const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const COORDINATE_CHARS = { 'P-256': 43, 'P-384': 64 } as const
const ACCEPTED = ['P-256', 'P-384', 'RSA'] as const

/** Imports a key from outside. Throws `AcmeProblem` malformed or badPublicKey. */
export function importAccountKey(jwk: JsonObject): AccountKey {
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member)))
    throw malformed('the jwk has private members: that key is lost, make another one')
  const key = accountKeyOf(jwk.kty === 'EC' ? readEc(jwk) : readRsa(jwk))
  try {
    readPublicKey(spkiOf(key.publicKey), ACCEPTED)
  } catch (error) {
    throw badKey(error instanceof X509Error ? error.message : 'it cannot be read')
  }
  return key
}

/** The key of members that were imported before. */
export function accountKeyOf(members: AccountKey['jwk']): AccountKey {
  const algorithm = members.kty === 'RSA' ? 'RS256' : members.crv === 'P-384' ? 'ES384' : 'ES256'
  const thumbprint = createHash('sha256').update(JSON.stringify(members)).digest('base64url')
  return { algorithm, publicKey: createKey(members), thumbprint, jwk: members }
}

function spkiOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' })
}

/** SHA-256 of the SubjectPublicKeyInfo, hex: how revocations remember a key that strangers may have. */
export function keyHashOf({ publicKey }: AccountKey): string {
  return createHash('sha256').update(spkiOf(publicKey)).digest('hex')
}

function readEc({ crv, x, y }: JsonObject): AccountKey['jwk'] {
  if (crv !== 'P-256' && crv !== 'P-384') throw badKey('it is on another curve than P-256 or P-384')
  const chars = COORDINATE_CHARS[crv]
  for (const coordinate of [x, y]) {
    if (typeof coordinate !== 'string' || coordinate.length !== chars || !isBase64url(coordinate))
      throw badKey('a coordinate does not have the length of its curve')
  }
  return { crv, kty: 'EC', x: String(x), y: String(y) }
}

function readRsa({ kty, n, e }: JsonObject): AccountKey['jwk'] {
  if (kty !== 'RSA') throw badKey('it is neither EC nor RSA')
  if (typeof n !== 'string' || typeof e !== 'string' || !isBase64url(n) || !isBase64url(e))
    throw badKey('it has no modulus and exponent')
  // A leading zero octet would be a second spelling, with another thumbprint.
  if ([n, e].some((text) => Buffer.from(text, 'base64url')[0] === 0))
    throw badKey('its numbers start with a zero octet')
  return { e, kty, n }
}

function createKey(members: AccountKey['jwk']): KeyObject {
  try {
    return createPublicKey({ key: { ...members }, format: 'jwk' })
  } catch (cause) {
    throw new AcmeProblem('badPublicKey', 'the key cannot be read', { cause })
  }
}

/** Whether `signature` over `input` was made with this key. Never throws. */
export function verifies(key: AccountKey, input: Buffer, signature: Buffer): boolean {
  const hash = key.algorithm === 'ES384' ? 'sha384' : 'sha256'
  try {
    return key.algorithm === 'RS256'
      ? verify(hash, input, key.publicKey, signature)
      : verify(hash, input, { key: key.publicKey, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    return false
  }
}

function badKey(why: string): AcmeProblem {
  return new AcmeProblem('badPublicKey', `the key is not accepted: ${why}`)
}
