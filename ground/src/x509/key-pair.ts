import { createPublicKey, generateKeyPair as generate, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { readChildren, readDer, TAG } from './der.ts'
import { X509Error } from './errors.ts'
import { findWeakness } from './find-weakness.ts'
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
 * curves must be named and their points lie on them, and `findWeakness` has to find nothing.
 * Throws `X509Error` KEY_REFUSED or MALFORMED.
 */
export function readPublicKey(spki: Buffer, allowed: readonly KeyKind[] = ['P-256']): KeyObject {
  if (!isNamedKind(spki)) {
    throw new X509Error('KEY_REFUSED', 'the curve of the public key is not named')
  }
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
  const weakness = findWeakness(key)
  if (weakness !== undefined) throw new X509Error('KEY_REFUSED', weakness)
  return key
}

/** Whether a SubjectPublicKeyInfo names its curve, where it has one: spelled out it could be any other. */
export function isNamedKind(spki: Buffer): boolean {
  const [algorithm] = readChildren(readDer(spki, TAG.sequence))
  const [oid, curve] = algorithm === undefined ? [] : readChildren(algorithm)
  return oid?.value.toString('hex') !== OID.ecPublicKey || curve?.tag === TAG.oid
}

function kindOf(key: KeyObject): KeyKind | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RSA'
  const curve = key.asymmetricKeyDetails?.namedCurve
  return curve === undefined ? undefined : CURVES[curve]
}
