import { constants, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { findWeakness } from '@countersign/ground/x509'
import { HMAC_SECRET_BYTES_MIN } from '../limits.ts'

/*
 * Signatures of tokens (RFC 7518 section 3, RFC 8037 section 3.1). A key is good for exactly one algorithm, chosen by
 * whoever published or configured it: what a token says about algorithms is only compared with that.
 *
 * - HMAC: a secret of 32 bytes at least, which is no public key in disguise
 * - RSA: 2048 to 8192 bits, none of the families of weak keys; PSS with a salt as long as the hash
 * - EC: the curve of the algorithm; a signature is r and s, never DER
 * - EdDSA: Ed25519
 */

/** Takes the signing input and the signature, both as they were received. Never throws. */
export type Verifies = (input: Buffer, signature: Buffer) => boolean

const ALGORITHMS = new Map<string, { readonly kind: Kind; readonly hash: string }>([
  ['HS256', { kind: 'hmac', hash: 'sha256' }],
  ['HS384', { kind: 'hmac', hash: 'sha384' }],
  ['HS512', { kind: 'hmac', hash: 'sha512' }],
  ['RS256', { kind: 'rsa', hash: 'sha256' }],
  ['RS384', { kind: 'rsa', hash: 'sha384' }],
  ['RS512', { kind: 'rsa', hash: 'sha512' }],
  ['PS256', { kind: 'pss', hash: 'sha256' }],
  ['PS384', { kind: 'pss', hash: 'sha384' }],
  ['PS512', { kind: 'pss', hash: 'sha512' }],
  ['ES256', { kind: 'prime256v1', hash: 'sha256' }],
  ['ES384', { kind: 'secp384r1', hash: 'sha384' }],
  ['ES512', { kind: 'secp521r1', hash: 'sha512' }],
  ['EdDSA', { kind: 'ed25519', hash: '' }],
])
type Kind = 'hmac' | 'rsa' | 'pss' | 'ed25519' | keyof typeof CURVE_BYTES

const CURVE_BYTES = { prime256v1: 32, secp384r1: 48, secp521r1: 66 } as const

/** Whether this is the name of an algorithm that is used here: `none` is not. */
export const isAlgorithm = (name: string): boolean => ALGORITHMS.has(name)
/** Whether it needs a secret that both sides know. */
export const isSymmetric = (name: string): boolean => ALGORITHMS.get(name)?.kind === 'hmac'
/** All that a public key can verify. */
export const PUBLIC_KEY_ALGORITHMS: readonly string[] = [...ALGORITHMS.keys()].filter(
  (name) => !isSymmetric(name),
)

/** A check with a public key; a text says why the key is not for this algorithm. */
export function verifierOf(algorithm: string, key: KeyObject): Verifies | string {
  const known = ALGORITHMS.get(algorithm)
  if (known === undefined || known.kind === 'hmac')
    return 'the algorithm is not one for public keys'
  const { kind, hash } = known
  if (key.type !== 'public') return 'the key is not a public one'
  if (kind === 'ed25519')
    return key.asymmetricKeyType === 'ed25519' ? ed25519(key) : 'the key is not of Ed25519'
  if (kind === 'rsa' || kind === 'pss') return rsa(key, hash, kind)
  const isCurve = key.asymmetricKeyDetails?.namedCurve === kind && key.asymmetricKeyType === 'ec'
  return isCurve ? ecdsa(key, hash, CURVE_BYTES[kind] * 2) : `the key is not on ${kind}`
}

function ed25519(key: KeyObject): Verifies {
  return (input, signature) => signature.length === 64 && verify(null, input, key, signature)
}

function rsa(key: KeyObject, hash: string, kind: 'rsa' | 'pss'): Verifies | string {
  if (key.asymmetricKeyType !== 'rsa') return 'the key is not one of RSA'
  const weakness = findWeakness(key)
  if (weakness !== undefined) return weakness
  const bytes = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  const how =
    kind === 'rsa'
      ? { key, padding: constants.RSA_PKCS1_PADDING }
      : {
          ...{ key, padding: constants.RSA_PKCS1_PSS_PADDING },
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        }
  return (input, signature) => signature.length === bytes && verify(hash, input, how, signature)
}

function ecdsa(key: KeyObject, hash: string, bytes: number): Verifies {
  const how = { key, dsaEncoding: 'ieee-p1363' } as const
  return (input, signature) => signature.length === bytes && verify(hash, input, how, signature)
}

/** A check with a shared secret; a text says what is wrong with it. */
export function hmacVerifierOf(algorithm: string, secret: Buffer): Verifies | string {
  const known = ALGORITHMS.get(algorithm)
  if (known?.kind !== 'hmac') return 'the algorithm is not one for secrets'
  if (!(secret.length >= HMAC_SECRET_BYTES_MIN))
    return `the secret has fewer than ${HMAC_SECRET_BYTES_MIN} bytes`
  if (isPublicKey(secret)) return 'the secret is a key that others know'
  return (input, signature) => {
    const expected = createHmac(known.hash, secret).update(input).digest()
    return signature.length === expected.length && timingSafeEqual(signature, expected)
  }
}

/** Whoever has only ever seen the public key could sign with it (CVE-2016-10555 and its kin). */
function isPublicKey(secret: Buffer): boolean {
  const text = secret.toString('latin1').trim()
  return text.startsWith('-----BEGIN') || text.startsWith('ssh-') || /^\{.*"kty"/s.test(text)
}
