import { createHash, X509Certificate } from 'node:crypto'
import { readCertificate } from './certificate.ts'
import { childAt, type Der, readBits, readChildren, readDer, TAG } from './der.ts'
import { malformed } from './errors.ts'
import { readExtensionValues } from './extensions.ts'
import { OCSP_CERTIFICATES_MAX, OCSP_NONCE_BYTES_MAX, OCSP_REQUEST_BYTES_MAX } from './limits.ts'
import { OID } from './oids.ts'
import { readSerial } from './serial.ts'

/** How a question names a certificate: by its serial and two hashes of its issuer (RFC 6960, 4.1.1). */
export interface OcspCertId {
  /** As it was asked, to be repeated in the answer. */
  readonly der: Buffer
  /** `undefined` for one that is not known here: then the answer is that the certificate is unknown. */
  readonly hash: OcspHash | undefined
  /** In hex. */
  readonly issuerNameHash: string
  readonly issuerKeyHash: string
  /** Lower case hex. */
  readonly serial: string
}
export type OcspHash = 'sha1' | 'sha256'

export interface OcspRequest {
  /** At least one, in their order. */
  readonly certificates: readonly OcspCertId[]
  /** To be repeated in the answer. */
  readonly nonce: Buffer | undefined
}

const VERSION = 0xa0
const REQUESTOR = 0xa1
const EXTENSIONS = 0xa2
const VERSION_1 = Buffer.from('a003020100', 'hex')

/**
 * Reads a question of OCSP in DER. A signature on it is not looked at: everyone may ask. Throws `X509Error` MALFORMED,
 * which is answered with `ocspFailure('malformedRequest')`.
 */
export function parseOcspRequest(der: Buffer): OcspRequest {
  const request = readChildren(readDer(der, TAG.sequence, OCSP_REQUEST_BYTES_MAX))
  const signature = request[1]
  if (request.length > 2 || (signature !== undefined && signature.tag !== 0xa0)) {
    throw malformed('the question has parts that are not known')
  }
  const parts = readChildren(childAt(request, 0, TAG.sequence))
  if (parts[0]?.tag === VERSION && !parts.shift()?.raw.equals(VERSION_1)) {
    throw malformed('the question is not of version 1')
  }
  if (parts[0]?.tag === REQUESTOR) parts.shift()
  const list = readChildren(childAt(parts, 0, TAG.sequence), OCSP_CERTIFICATES_MAX)
  if (list.length === 0) throw malformed('the question asks for nothing')
  const [, extensions, ...more] = parts
  if ((extensions !== undefined && extensions.tag !== EXTENSIONS) || more.length > 0) {
    throw malformed('the question has parts that are not known')
  }
  return { certificates: list.map(readOne), nonce: readNonce(extensions) }
}

function readOne(request: Der): OcspCertId {
  const parts = readChildren(request)
  if (parts.length > 2) throw malformed('a question has parts that are not known')
  return readCertId(childAt(parts, 0, TAG.sequence))
}

/** A CertID, as questions and answers have it. Throws `X509Error` MALFORMED. */
export function readCertId(certId: Der): OcspCertId {
  const [algorithm, ...rest] = readChildren(certId)
  if (algorithm === undefined || rest.length !== 3) throw malformed('a CertID is malformed')
  const hash = HASHES.get(childAt(readChildren(algorithm), 0, TAG.oid).value.toString('hex'))
  return {
    der: certId.raw,
    hash,
    issuerNameHash: childAt(rest, 0, TAG.octetString).value.toString('hex'),
    issuerKeyHash: childAt(rest, 1, TAG.octetString).value.toString('hex'),
    serial: readSerial(childAt(rest, 2, TAG.integer)),
  }
}

const HASHES: ReadonlyMap<string, OcspHash> = new Map([
  [OID.sha1, 'sha1'],
  [OID.sha256, 'sha256'],
])

/** The nonce in the extensions of a question or an answer, which know no other critical one. */
export function readNonce(wrapped: Der | undefined): Buffer | undefined {
  if (wrapped === undefined) return undefined
  const [sequence, ...more] = readChildren(wrapped)
  if (sequence === undefined || more.length > 0) throw malformed('the extensions are malformed')
  const values = readExtensionValues(sequence)
  for (const [oid, { critical }] of values) {
    if (critical && oid !== OID.ocspNonce) throw malformed('a critical extension is not known')
  }
  const value = values.get(OID.ocspNonce)?.value
  if (value === undefined) return undefined
  const nonce = readDer(value, TAG.octetString).value
  if (!(nonce.length >= 1 && nonce.length <= OCSP_NONCE_BYTES_MAX)) {
    throw malformed('the nonce is empty or too long')
  }
  return nonce
}

/** What questions about certificates of this issuer (PEM) name it by. Keep it: it is the same for all its life. */
export type OcspIssuer = Readonly<Record<OcspHash, { readonly name: string; readonly key: string }>>

export function ocspIssuer(certificate: string): OcspIssuer {
  const { subject, spki } = readCertificate(new X509Certificate(certificate).raw)
  const key = readBits(childAt(readChildren(readDer(spki, TAG.sequence)), 1, TAG.bitString))
  const hash = (algorithm: OcspHash) => ({
    name: createHash(algorithm).update(subject).digest('hex'),
    key: createHash(algorithm).update(key).digest('hex'),
  })
  return { sha1: hash('sha1'), sha256: hash('sha256') }
}

/** Whether a question is about a certificate of this issuer. */
export function isAskedOf(asked: OcspCertId, issuer: OcspIssuer): boolean {
  if (asked.hash === undefined) return false
  const { name, key } = issuer[asked.hash]
  return asked.issuerNameHash === name && asked.issuerKeyHash === key
}
