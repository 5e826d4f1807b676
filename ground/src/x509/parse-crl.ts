import { X509Certificate } from 'node:crypto'
import { readCertificate, readSigned, type Signed } from './certificate.ts'
import { REVOCATION_REASON, type RevocationReasonCode, type RevokedEntry } from './create-crl.ts'
import { childAt, type Der, readChildren, readDer, TAG } from './der.ts'
import { malformed } from './errors.ts'
import { readAuthorityKeyId, readExtensionValues } from './extensions.ts'
import { CRL_BYTES_MAX, CRL_ENTRIES_MAX, CRL_NUMBER_BYTES_MAX } from './limits.ts'
import { OID } from './oids.ts'
import { readTime } from './read-time.ts'
import { readSerial } from './serial.ts'
import { verifySigned } from './verify-signed.ts'

export interface CrlFacts {
  /** The Name of the issuer in DER. */
  readonly issuer: Buffer
  /** The key id of the issuer, in hex. */
  readonly authorityKeyId: string
  readonly number: bigint
  /** Milliseconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly revoked: readonly RevokedEntry[]
  readonly signed: Signed
}

const EXTENSIONS = 0xa0
const VERSION_2 = Buffer.from('020101', 'hex')

/**
 * Reads a list of revoked certificates in DER, as RFC 5280, 5.1 and 5.2, wants it from a CA: of version 2, with its
 * number, key id and nextUpdate, complete, and of one issuer only. It checks no signature and no time.
 * Throws `X509Error` MALFORMED.
 */
export function parseCrl(der: Buffer): CrlFacts {
  const list = readChildren(readDer(der, TAG.sequence, CRL_BYTES_MAX))
  if (list.length !== 3) throw malformed('the list does not have three parts')
  const parts = readChildren(childAt(list, 0, TAG.sequence))
  if (parts[0]?.raw.equals(VERSION_2) !== true) throw malformed('the list is not of version 2')
  const signed = readSigned(list)
  if (!childAt(parts, 1, TAG.sequence).raw.equals(signed.algorithm)) {
    throw malformed('the signature algorithms differ')
  }
  const facts = {
    issuer: childAt(parts, 2, TAG.sequence).raw,
    thisUpdate: readTime(parts[3]),
    nextUpdate: readTime(parts[4]),
  }
  const rest = parts.slice(5)
  const entries = rest[0]?.tag === TAG.sequence ? rest.shift() : undefined
  const [wrapped, ...more] = rest
  if (wrapped?.tag !== EXTENSIONS || more.length > 0) throw malformed('the list has no extensions')
  const revoked = entries === undefined ? [] : readEntries(entries)
  return { ...facts, ...readListExtensions(wrapped), revoked, signed }
}

/** Whether a list comes from this issuer (PEM): by its name, its key id, its right to sign lists, and its key. Never throws. */
export function verifyCrl(der: Buffer, issuerPem: string): boolean {
  try {
    const issuer = new X509Certificate(issuerPem)
    const { subject, subjectKeyId, keyUsage } = readCertificate(issuer.raw)
    const facts = parseCrl(der)
    const named = facts.issuer.equals(subject) && facts.authorityKeyId === subjectKeyId
    return named && keyUsage?.crlSign === true && verifySigned(facts.signed, issuer.publicKey)
  } catch {
    return false
  }
}

function readListExtensions(wrapped: Der): Pick<CrlFacts, 'number' | 'authorityKeyId'> {
  const [sequence, ...more] = readChildren(wrapped)
  if (sequence?.tag !== TAG.sequence || more.length > 0)
    throw malformed('the extensions are malformed')
  const values = readExtensionValues(sequence)
  // One that is critical would say that the list is only a part, or of several issuers.
  if ([...values.values()].some(({ critical }) => critical)) {
    throw malformed('a critical extension of the list is not known')
  }
  const number = values.get(OID.crlNumber)?.value
  const key = values.get(OID.authorityKeyIdentifier)?.value
  const authorityKeyId = key === undefined ? undefined : readAuthorityKeyId(key)
  if (number === undefined || authorityKeyId === undefined) {
    throw malformed('the list lacks its number or the key id of its issuer')
  }
  return { number: readNumber(number), authorityKeyId }
}

function readNumber(value: Buffer): bigint {
  const octets = readDer(value, TAG.integer).value
  const [first = 0x80, second] = octets
  if (!(octets.length <= CRL_NUMBER_BYTES_MAX) || first >= 0x80) {
    throw malformed('the number of the list is negative or too long')
  }
  if (first === 0 && second !== undefined && second < 0x80) {
    throw malformed('the number of the list is not in its shortest form')
  }
  return BigInt(`0x${octets.toString('hex')}`)
}

function readEntries(entries: Der): RevokedEntry[] {
  const children = readChildren(entries, CRL_ENTRIES_MAX)
  if (children.length === 0) throw malformed('a list of nothing is left out')
  return children.map((entry) => {
    const parts = readChildren(entry)
    if (parts.length !== 2 && parts.length !== 3) throw malformed('an entry is malformed')
    const serial = readSerial(childAt(parts, 0, TAG.integer))
    const reason = parts.length === 3 ? readReason(childAt(parts, 2, TAG.sequence)) : undefined
    return { serial, at: readTime(parts[1]), reason }
  })
}

const REASONS: ReadonlySet<number> = new Set(Object.values(REVOCATION_REASON))

function readReason(extensions: Der): RevocationReasonCode | undefined {
  const values = readExtensionValues(extensions)
  if ([...values.values()].some(({ critical }) => critical)) {
    throw malformed('a critical extension of an entry is not known')
  }
  const value = values.get(OID.reasonCode)?.value
  if (value === undefined) return undefined
  const [reason = -1, ...more] = readDer(value, TAG.enumerated).value
  if (!isReason(reason) || more.length > 0) throw malformed('a reason is not known')
  return reason
}

function isReason(code: number): code is RevocationReasonCode {
  return REASONS.has(code)
}
