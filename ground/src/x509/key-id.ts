import { createHash, type KeyObject, X509Certificate } from 'node:crypto'
import { readCertificate } from './certificate.ts'
import { childAt, readBits, readChildren, readDer, TAG } from './der.ts'

/**
 * The id of a key (subjectKeyIdentifier), 40 digits of lower case hex. A certificate says its own, and whoever it signs
 * repeats that; of a key it is the SHA-1 of its bits (RFC 5280, 4.2.1.2, method 1), which ours say as well.
 * Throws `X509Error` MALFORMED.
 */
export function keyIdOf(of: X509Certificate | KeyObject): string {
  if (!(of instanceof X509Certificate)) return keyIdOfSpki(spkiOf(of))
  return readCertificate(of.raw).subjectKeyId ?? keyIdOfSpki(spkiOf(of.publicKey))
}

/** As `keyIdOf`, of a SubjectPublicKeyInfo. */
function keyIdOfSpki(spki: Buffer): string {
  const bits = readBits(childAt(readChildren(readDer(spki, TAG.sequence)), 1, TAG.bitString))
  return createHash('sha1').update(bits).digest('hex')
}

const known = new WeakMap<KeyObject, Buffer>()

/** The SubjectPublicKeyInfo of a public key, in DER. To write it takes longer than most else, so it is written once. */
export function spkiOf(key: KeyObject): Buffer {
  let spki = known.get(key)
  if (spki === undefined) {
    spki = key.export({ format: 'der', type: 'spki' })
    known.set(key, spki)
  }
  return spki
}
