import { childAt, type Der, readBits, readChildren, readDer, TAG } from './der.ts'
import { malformed } from './errors.ts'
import { type ExtensionFacts, readExtensions } from './extensions.ts'
import { readTime } from './read-time.ts'
import { readSerial } from './serial.ts'

const VERSION = 0xa0
const EXTENSIONS = 0xa3
const VERSION_3 = Buffer.from('a003020102', 'hex')

export interface CertificateFacts extends ExtensionFacts {
  /** Lower case hex without leading zeros. */
  readonly serial: string
  /** Names in DER: the same only where every octet is. */
  readonly issuer: Buffer
  readonly subject: Buffer
  /** Milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** SubjectPublicKeyInfo in DER. */
  readonly spki: Buffer
  /** OID of the signature algorithm, in hex; the signed one and the outer one are the same. */
  readonly signatureAlgorithm: string
  readonly signed: Signed
}

/** A signature as certificates, CRLs and OCSP answers have it. */
export interface Signed {
  /** What is signed. */
  readonly tbs: Buffer
  /** AlgorithmIdentifier in DER. */
  readonly algorithm: Buffer
  readonly signature: Buffer
}

/**
 * Reads what our rules look at in an X.509 v3 certificate (RFC 5280, 4.1), straight from its DER, in a few
 * microseconds. It checks no signature. Throws `X509Error` MALFORMED.
 */
export function readCertificate(der: Buffer): CertificateFacts {
  const certificate = readChildren(readDer(der, TAG.sequence))
  if (certificate.length !== 3) throw malformed('the certificate does not have three parts')
  const tbs = childAt(certificate, 0, TAG.sequence)
  const parts = readChildren(tbs)
  if (parts[0]?.tag !== VERSION || !parts[0].raw.equals(VERSION_3))
    throw malformed('the certificate is not of version 3')
  const inner = childAt(parts, 2, TAG.sequence)
  const outer = childAt(certificate, 1, TAG.sequence)
  if (!inner.raw.equals(outer.raw)) throw malformed('the signature algorithms differ')
  const validity = readChildren(childAt(parts, 4, TAG.sequence))
  if (validity.length !== 2) throw malformed('the validity does not have two ends')
  return {
    ...readExtensions(extensionsOf(parts)),
    serial: readSerial(childAt(parts, 1, TAG.integer)),
    issuer: childAt(parts, 3, TAG.sequence).raw,
    subject: childAt(parts, 5, TAG.sequence).raw,
    notBefore: readTime(validity[0]),
    notAfter: readTime(validity[1]),
    spki: childAt(parts, 6, TAG.sequence).raw,
    signatureAlgorithm: childAt(readChildren(inner), 0, TAG.oid).value.toString('hex'),
    signed: readSigned(certificate),
  }
}

/** Of the first three parts of a signed structure: the signature has whole octets. */
export function readSigned(parts: readonly Der[]): Signed {
  const signature = childAt(parts, 2, TAG.bitString)
  if (signature.value[0] !== 0) throw malformed('a signature does not have whole octets')
  return {
    tbs: childAt(parts, 0, TAG.sequence).raw,
    algorithm: childAt(parts, 1, TAG.sequence).raw,
    signature: readBits(signature),
  }
}

/** After version, serial, algorithm, issuer, validity, subject and key: unique ids of version 2 are not read. */
function extensionsOf(parts: readonly Der[]): Der | undefined {
  if (parts.length === 7) return undefined
  const [wrapped, ...more] = parts.slice(7)
  if (wrapped?.tag !== EXTENSIONS || more.length > 0)
    throw malformed('the certificate has parts beside its extensions')
  const extensions = readChildren(wrapped)
  if (extensions.length !== 1) throw malformed('the extensions are malformed')
  return childAt(extensions, 0, TAG.sequence)
}
