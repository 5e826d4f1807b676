import { createHash, X509Certificate } from 'node:crypto'
import { messageOf } from '../errors/index.ts'
import { readCertificate, readSigned, type Signed } from './certificate.ts'
import { childAt, type Der, readBits, readChildren, readDer, TAG } from './der.ts'
import { malformed, X509Error } from './errors.ts'
import { findWeakness } from './find-weakness.ts'
import { OCSP_RESPONDERS_MAX, OCSP_RESPONSE_BYTES_MAX } from './limits.ts'
import { OID } from './oids.ts'
import { isAskedOf, ocspIssuer, readCertId, readNonce } from './parse-ocsp-request.ts'
import { readTime } from './read-time.ts'
import { verifySigned } from './verify-signed.ts'

/** What was asked, and of whom. */
export interface OcspQuestion {
  /** PEM of who has issued the certificate. */
  readonly issuer: string
  readonly serial: string
  readonly nonce: Buffer
  /** Milliseconds since 1970. */
  readonly now: number
}
/** Times are milliseconds since 1970; `nextUpdate` is missing where there is always something newer. */
export interface OcspVerdict {
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly thisUpdate: number
  readonly nextUpdate: number | undefined
}

/*
 * An answer of OCSP counts (RFC 6960, 3.2 and 4.2.2) where
 *
 * 1. it is an answer, and no refusal to give one
 * 2. the issuer has signed it, or a responder whom the issuer has given a certificate for just that
 * 3. it is about this certificate, just once
 * 4. its nonce, if it has one, is that of the question: answers made in advance have none
 *
 * Whether it is of this time is for who asks.
 */

/** Reads an answer in DER. A text says why it does not count. Never throws. */
export function readOcspResponse(der: Buffer, asked: OcspQuestion): OcspVerdict | string {
  try {
    return readAnswer(der, asked)
  } catch (error) {
    // `X509Certificate` throws its own for what is none.
    return error instanceof X509Error ? messageOf(error) : 'the answer cannot be read'
  }
}

const VERSION_1 = Buffer.from('a003020100', 'hex')
const VERSION = 0xa0
const EXTENSIONS = 0xa1
const BY_NAME = 0xa1
const BY_KEY = 0xa2

function readAnswer(der: Buffer, asked: OcspQuestion): OcspVerdict | string {
  const [code, bytes, ...more] = readChildren(readDer(der, TAG.sequence, OCSP_RESPONSE_BYTES_MAX))
  const [status] = code?.tag === TAG.enumerated ? code.value : []
  if (status !== 0) return `the responder refuses to answer (${status ?? 'without a reason'})`
  if (bytes?.tag !== 0xa0 || more.length > 0) throw malformed('the answer lacks its parts')
  const typed = readChildren(childAt(readChildren(bytes), 0, TAG.sequence))
  if (childAt(typed, 0, TAG.oid).value.toString('hex') !== OID.ocspBasic)
    return 'the answer is of a type that is not known'
  const parts = readChildren(readDer(childAt(typed, 1, TAG.octetString).value, TAG.sequence))
  const signed = readSigned(parts)
  const data = readChildren(childAt(parts, 0, TAG.sequence))
  if (data[0]?.tag === VERSION && !data.shift()?.raw.equals(VERSION_1))
    throw malformed('the answer is not of version 1')
  const [responder, , , extensions] = data
  if (responder === undefined || !isSignedFor(signed, { responder, brought: parts[3], asked }))
    return 'nobody who may answer for the issuer has signed it'
  const nonce = readNonce(extensions?.tag === EXTENSIONS ? extensions : undefined)
  if (nonce !== undefined && !nonce.equals(asked.nonce)) return 'it answers another question'
  return findVerdict(childAt(data, 2, TAG.sequence), asked)
}

function isSignedFor(
  signed: Signed,
  about: {
    readonly responder: Der
    readonly brought: Der | undefined
    readonly asked: OcspQuestion
  },
): boolean {
  const issuer = new X509Certificate(about.asked.issuer)
  if (isNamed(about.responder, issuer.raw)) return verifySigned(signed, issuer.publicKey)
  if (about.brought === undefined) return false
  const list = childAt(readChildren(about.brought), 0, TAG.sequence)
  const found = readChildren(list, OCSP_RESPONDERS_MAX).find(({ raw }) =>
    isNamed(about.responder, raw),
  )
  if (found === undefined || !mayAnswer(found.raw, issuer, about.asked.now)) return false
  return verifySigned(signed, new X509Certificate(found.raw).publicKey)
}

/** ResponderID: a Name, or the SHA-1 of the bits of a key. */
function isNamed(responder: Der, certificate: Buffer): boolean {
  const [value] = readChildren(responder)
  const { subject, spki } = readCertificate(certificate)
  if (responder.tag === BY_NAME) return value?.raw.equals(subject) === true
  if (responder.tag !== BY_KEY || value?.tag !== TAG.octetString) return false
  const key = readBits(childAt(readChildren(readDer(spki, TAG.sequence)), 1, TAG.bitString))
  return value.value.equals(createHash('sha1').update(key).digest())
}

/** RFC 6960, 4.2.2.2: the issuer itself has signed the certificate, and says that it is for answers. */
function mayAnswer(certificate: Buffer, issuer: X509Certificate, now: number): boolean {
  const facts = readCertificate(certificate)
  return (
    facts.issuer.equals(readCertificate(issuer.raw).subject) &&
    facts.extendedKeyUsage?.includes(OID.ocspSigning) === true &&
    facts.notBefore <= now &&
    now < facts.notAfter &&
    findWeakness(new X509Certificate(certificate).publicKey) === undefined &&
    verifySigned(facts.signed, issuer.publicKey)
  )
}

function findVerdict(answers: Der, { issuer, serial }: OcspQuestion): OcspVerdict | string {
  const names = ocspIssuer(issuer)
  const about = readChildren(answers).filter((answer) => {
    const id = readCertId(childAt(readChildren(answer), 0, TAG.sequence))
    return id.serial === serial && isAskedOf(id, names)
  })
  const [answer, ...others] = about.map((one) => readChildren(one))
  if (answer === undefined || others.length > 0) return 'it does not answer about the certificate'
  const next = answer[3]?.tag === 0xa0 ? readChildren(answer[3])[0] : undefined
  return {
    status: STATUSES.get(answer[1]?.tag ?? 0) ?? 'unknown',
    thisUpdate: readTime(answer[2]),
    nextUpdate: next === undefined ? undefined : readTime(next),
  }
}

const STATUSES: ReadonlyMap<number, OcspVerdict['status']> = new Map([
  [0x80, 'good'],
  [0xa1, 'revoked'],
  [0x82, 'unknown'],
])
