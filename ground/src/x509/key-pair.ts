import { createPublicKey, generateKeyPair as generate, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { childAt, readChildren, readDer, TAG } from './der.ts'
import { X509Error } from './errors.ts'
import { RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_MIN } from './limits.ts'
import { OID } from './oids.ts'

const generateEc = promisify(generate)

/** A new P-256 key pair. */
export function generateKeyPair(): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  return generateEc('ec', { namedCurve: 'prime256v1' })
}

/** Kinds of key that a certificate can be for. Workloads have P-256. */
export type KeyKind = 'P-256' | 'P-384' | 'RSA'
const CURVES: Readonly<Record<string, KeyKind>> = { prime256v1: 'P-256', secp384r1: 'P-384' }

/**
 * Reads a SubjectPublicKeyInfo and refuses keys that are weak or of a kind that is not allowed:
 * curves must be named and their points lie on them, RSA needs 2048 to 8192 bits and an odd exponent from 65537 on.
 * Throws `X509Error` KEY_REFUSED or MALFORMED.
 */
export function readPublicKey(spki: Buffer, allowed: readonly KeyKind[] = ['P-256']): KeyObject {
  refuseExplicitCurve(spki)
  let key: KeyObject
  try {
    key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch (cause) {
    throw new X509Error('KEY_REFUSED', 'the public key cannot be read', { cause })
  }
  const kind = kindOf(key)
  if (kind === undefined || !allowed.includes(kind)) {
    throw new X509Error('KEY_REFUSED', `the public key is not ${allowed.join(' or ')}`)
  }
  if (kind === 'RSA') checkRsa(key)
  return key
}

function refuseExplicitCurve(spki: Buffer): void {
  const algorithm = readChildren(
    childAt(readChildren(readDer(spki, TAG.sequence)), 0, TAG.sequence),
  )
  const isEc = childAt(algorithm, 0, TAG.oid).value.toString('hex') === OID.ecPublicKey
  if (isEc && algorithm[1]?.tag !== TAG.oid) {
    throw new X509Error('KEY_REFUSED', 'the curve of the public key is not named')
  }
}

function kindOf(key: KeyObject): KeyKind | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RSA'
  const curve = key.asymmetricKeyDetails?.namedCurve
  return curve === undefined ? undefined : CURVES[curve]
}

function checkRsa(key: KeyObject): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (!(modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX)) {
    throw new X509Error('KEY_REFUSED', `the RSA key has ${modulusLength} bits`)
  }
  if (!(publicExponent >= RSA_EXPONENT_MIN && publicExponent % 2n === 1n)) {
    throw new X509Error('KEY_REFUSED', 'the RSA key has a weak exponent')
  }
}
