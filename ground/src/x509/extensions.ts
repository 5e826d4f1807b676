import {
  childAt,
  type Der,
  readBits,
  readBoolean,
  readChildren,
  readDer,
  readSmallInteger,
  TAG,
} from './der.ts'
import { malformed } from './errors.ts'
import { KEY_ID_BYTES_MAX } from './limits.ts'
import { type NameConstraints, readNameConstraints } from './name-constraints.ts'
import { OID } from './oids.ts'
import { readSerial } from './serial.ts'

/** What the extensions of a certificate, or those that a request asks for, say. Read from the DER, never from text. */
export interface ExtensionFacts {
  /** Every extension by the hex of its OID, with whether it is critical and what its OCTET STRING holds. */
  readonly present: ReadonlyMap<string, { readonly critical: boolean; readonly value: Buffer }>
  readonly uris: readonly string[]
  readonly dnsNames: readonly string[]
  /** IP addresses as they are encoded: 4 or 16 octets, in hex. */
  readonly ips: readonly string[]
  /** Names of any other kind in the subjectAltName. */
  readonly otherNames: number
  readonly ca: boolean
  readonly pathLength: number | undefined
  readonly keyUsage:
    | {
        readonly digitalSignature: boolean
        readonly keyCertSign: boolean
        readonly crlSign: boolean
      }
    | undefined
  /** OIDs in hex. */
  readonly extendedKeyUsage: readonly string[] | undefined
  /** Key ids, in hex. */
  readonly subjectKeyId: string | undefined
  readonly authorityKeyId: string | undefined
  /** The serial that the line of a workload's certificates began with. */
  readonly lineage: string | undefined
  readonly nameConstraints: NameConstraints | undefined
}

/** Extensions by the hex of their OID. */
export type ExtensionValues = ReadonlyMap<
  string,
  { readonly critical: boolean; readonly value: Buffer }
>

/** Takes `Extensions` apart (RFC 5280, 4.1): a SEQUENCE, no extension twice. Throws `X509Error` MALFORMED. */
export function readExtensionValues(sequence: Der | undefined): ExtensionValues {
  const values = new Map<string, { critical: boolean; value: Buffer }>()
  for (const extension of sequence === undefined ? [] : readChildren(sequence)) {
    const parts = readChildren(extension)
    const oid = childAt(parts, 0, TAG.oid).value.toString('hex')
    const critical = parts.length === 3 && readBoolean(childAt(parts, 1, TAG.boolean))
    if (parts.length !== 2 && parts.length !== 3) throw malformed('an extension has too many parts')
    if (values.has(oid)) throw malformed('an extension is there twice')
    values.set(oid, { critical, value: childAt(parts, parts.length - 1, TAG.octetString).value })
  }
  return values
}

/** What the extensions of a certificate or a request say. Throws `X509Error` MALFORMED. */
export function readExtensions(sequence: Der | undefined): ExtensionFacts {
  const values = readExtensionValues(sequence)
  const read = <T>(oid: string, reader: (value: Buffer) => T): T | undefined => {
    const value = values.get(oid)?.value
    return value === undefined ? undefined : reader(value)
  }
  return {
    present: values,
    ...(read(OID.subjectAltName, readNames) ?? NO_NAMES),
    ...(read(OID.basicConstraints, readBasicConstraints) ?? NO_CA),
    keyUsage: read(OID.keyUsage, readKeyUsage),
    extendedKeyUsage: read(OID.extKeyUsage, readExtendedKeyUsage),
    subjectKeyId: read(OID.subjectKeyIdentifier, readSubjectKeyId),
    authorityKeyId: read(OID.authorityKeyIdentifier, readAuthorityKeyId),
    lineage: read(OID.lineage, (value) => readSerial(readDer(value))),
    nameConstraints: read(OID.nameConstraints, readNameConstraints),
  }
}

const NO_NAMES = { uris: [], dnsNames: [], ips: [], otherNames: 0 } as const
const NO_CA = { ca: false, pathLength: undefined } as const

const DNS_NAME = 0x82
const URI = 0x86
const IP_ADDRESS = 0x87

function readNames(
  value: Buffer,
): Pick<ExtensionFacts, 'uris' | 'dnsNames' | 'ips' | 'otherNames'> {
  const uris: string[] = []
  const dnsNames: string[] = []
  const ips: string[] = []
  const names = readChildren(readDer(value, TAG.sequence))
  if (names.length === 0) throw malformed('the subjectAltName is empty')
  for (const name of names) {
    // latin1 keeps every octet as one character: nothing is lost, and what is not ASCII fails later checks.
    if (name.tag === URI) uris.push(name.value.toString('latin1'))
    else if (name.tag === DNS_NAME) dnsNames.push(name.value.toString('latin1'))
    else if (name.tag === IP_ADDRESS) ips.push(name.value.toString('hex'))
  }
  const otherNames = names.length - uris.length - dnsNames.length - ips.length
  return { uris, dnsNames, ips, otherNames }
}

function readBasicConstraints(value: Buffer): Pick<ExtensionFacts, 'ca' | 'pathLength'> {
  const [first, second, third] = readChildren(readDer(value, TAG.sequence))
  if (third !== undefined) throw malformed('the basic constraints have too many parts')
  if (first === undefined) return NO_CA
  if (first.tag !== TAG.boolean) throw malformed('the basic constraints are malformed')
  const pathLength = second === undefined ? undefined : readSmallInteger(second)
  return { ca: readBoolean(first), pathLength }
}

function readKeyUsage(value: Buffer): ExtensionFacts['keyUsage'] {
  const [bits = 0] = readBits(readDer(value, TAG.bitString))
  return {
    digitalSignature: (bits & 0x80) !== 0,
    keyCertSign: (bits & 0x04) !== 0,
    crlSign: (bits & 0x02) !== 0,
  }
}

function readExtendedKeyUsage(value: Buffer): readonly string[] {
  const usages = readChildren(readDer(value, TAG.sequence))
  if (usages.length === 0) throw malformed('the extendedKeyUsage is empty')
  return usages.map((_, i) => childAt(usages, i, TAG.oid).value.toString('hex'))
}

function readSubjectKeyId(value: Buffer): string {
  return keyIdText(readDer(value, TAG.octetString).value)
}

const KEY_IDENTIFIER = 0x80

/** The keyIdentifier; the name and serial of the issuer, which may stand beside it, are not believed to say more. */
export function readAuthorityKeyId(value: Buffer): string | undefined {
  const [first] = readChildren(readDer(value, TAG.sequence))
  return first?.tag === KEY_IDENTIFIER ? keyIdText(first.value) : undefined
}

function keyIdText(octets: Buffer): string {
  if (!(octets.length >= 1 && octets.length <= KEY_ID_BYTES_MAX)) {
    throw malformed('a key identifier is empty or too long')
  }
  return octets.toString('hex')
}
