import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { isBase64url } from './base64url.ts'
import type { JsonObject } from './json-object.ts'
import {
  ES256_SIGNATURE_BYTES,
  KEY_ID_CHARS_MAX,
  RSA_BITS_MAX,
  RSA_BITS_MIN,
  RSA_EXPONENT_MIN,
} from './limits.ts'
import { hasRocaFingerprint } from './roca.ts'

export type JwsAlgorithm = 'ES256' | 'RS256'

/** A public key that is good for exactly one algorithm. What a token says about algorithms is only compared with it. */
export interface VerificationKey {
  readonly kid: string
  readonly algorithm: JwsAlgorithm
  /** Takes the signing input and the signature, both as they were received. Never throws. */
  verifies(input: Buffer, signature: Buffer): boolean
}

/*
 * What a JSON Web Key (RFC 7517) must be to verify tokens:
 *
 * - public, and of a kind that we use: EC on P-256 for ES256, RSA for RS256
 * - `kid`: a text of 1 to 256 characters
 * - `alg`, where given, is the algorithm of its kind; `use`, where given, is `sig`; `key_ops`, where given, holds `verify`
 * - EC: a point on the curve; RSA: 2048 to 8192 bits, an odd exponent from 65537 on, not of the ROCA family
 */

/** Imports one key; a text says why it cannot be used. */
export function importVerificationKey(jwk: JsonObject): VerificationKey | string {
  const { kid, use, kty } = jwk
  if (typeof kid !== 'string' || kid === '' || kid.length > KEY_ID_CHARS_MAX) return 'has no kid'
  if (use !== undefined && use !== 'sig') return 'is not for signatures (use)'
  const operations = jwk.key_ops
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return 'is not for verifying (key_ops)'
  const algorithm = kty === 'EC' ? 'ES256' : kty === 'RSA' ? 'RS256' : undefined
  if (algorithm === undefined) return 'is of a kind (kty) that is not used here'
  if (jwk.alg !== undefined && jwk.alg !== algorithm) return 'is for another algorithm (alg)'
  const key = algorithm === 'ES256' ? importP256(jwk) : importRsa(jwk)
  if (typeof key === 'string') return key
  return { kid, algorithm, verifies: algorithm === 'ES256' ? es256(key) : rs256(key) }
}

/**
 * ES256 (RFC 7518 section 3.4) with a P-256 key. A high s is as good as a low one.
 *
 * Node is given the key itself and a signature in DER. Given `{ key, dsaEncoding }` it first finds out that this is no key by
 * throwing and catching an error, which from within a request costs a third of what the verification does.
 */
export function es256(key: KeyObject): VerificationKey['verifies'] {
  return (input, signature) =>
    signature.length === ES256_SIGNATURE_BYTES &&
    isScalarAt(signature, 0) &&
    isScalarAt(signature, SCALAR_BYTES) &&
    verify('sha256', input, key, derOf(signature))
}

/** RS256 (RFC 7518 section 3.3: PKCS #1 v1.5 with SHA-256) with an RSA key. */
export function rs256(key: KeyObject): VerificationKey['verifies'] {
  const bytes = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  return (input, signature) => signature.length === bytes && verify('sha256', input, key, signature)
}

const P256_ORDER = Buffer.from(
  'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  'hex',
)
const SCALAR_BYTES = 32
/** From 1 to the order of the group, less 1. */
function isScalarAt(bytes: Buffer, at: number): boolean {
  if (bytes.compare(P256_ORDER, 0, SCALAR_BYTES, at, at + SCALAR_BYTES) >= 0) return false
  for (let i = at; i < at + SCALAR_BYTES; i++) if (bytes[i] !== 0) return true
  return false
}

/** `ECDSA-Sig-Value` (RFC 3279 section 2.2.3) of a signature as JWS has it: two scalars that are not 0. */
function derOf(signature: Buffer): Buffer {
  const der = Buffer.allocUnsafe(DER_BYTES_MAX)
  let end = 2
  for (const from of [0, SCALAR_BYTES]) {
    let first = from
    while (signature[first] === 0) first++
    const signed = (signature[first] ?? 0) >= 0x80
    der[end++] = DER_INTEGER
    der[end++] = from + SCALAR_BYTES - first + (signed ? 1 : 0)
    if (signed) der[end++] = 0
    end += signature.copy(der, end, first, from + SCALAR_BYTES)
  }
  der[0] = DER_SEQUENCE
  der[1] = end - 2
  return der.subarray(0, end)
}
const DER_SEQUENCE = 0x30
const DER_INTEGER = 0x02
const DER_BYTES_MAX = 2 + 2 * (2 + 1 + SCALAR_BYTES)

function importP256({ crv, x, y }: JsonObject): KeyObject | string {
  if (crv !== 'P-256') return 'is not on the curve P-256'
  if (!isCoordinate(x) || !isCoordinate(y)) return 'has coordinates that are not 32 bytes'
  return createKey({ kty: 'EC', crv, x, y }) ?? 'is not a point on its curve'
}
const isCoordinate = (text: unknown): text is string =>
  typeof text === 'string' && text.length === 43 && isBase64url(text)

function importRsa({ n, e }: JsonObject): KeyObject | string {
  if (typeof n !== 'string' || typeof e !== 'string' || !isBase64url(n) || !isBase64url(e))
    return 'has no modulus and exponent'
  const modulus = toBigInt(n)
  const exponent = toBigInt(e)
  const bits = modulus.toString(2).length
  if (!(bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX)) return `has ${bits} bits`
  if (!(exponent >= RSA_EXPONENT_MIN && exponent % 2n === 1n && exponent < 2n ** 32n))
    return 'has a weak exponent'
  if (modulus % 2n === 0n) return 'has an even modulus'
  if (hasRocaFingerprint(modulus)) return 'is of the ROCA family of weak keys'
  return createKey({ kty: 'RSA', n, e }) ?? 'is not an RSA key'
}
const toBigInt = (text: string): bigint =>
  BigInt(`0x${Buffer.from(text, 'base64url').toString('hex') || '0'}`)

function createKey(key: { kty: string; [member: string]: string }): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return undefined
  }
}
