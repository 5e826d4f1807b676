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
import { OID } from './oids.ts'

/** What the extensions of a certificate, or those that a request asks for, say. Read from the DER, never from text. */
export interface ExtensionFacts {
  /** Every extension by the hex of its OID, with whether it is critical. */
  readonly present: ReadonlyMap<string, { readonly critical: boolean }>
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
}

/** Reads `Extensions` (RFC 5280, 4.1): a SEQUENCE of extensions, none of them twice. Throws `X509Error`. */
export function readExtensions(sequence: Der | undefined): ExtensionFacts {
  const values = new Map<string, { critical: boolean; value: Buffer }>()
  for (const extension of sequence === undefined ? [] : readChildren(sequence)) {
    const parts = readChildren(extension)
    const oid = childAt(parts, 0, TAG.oid).value.toString('hex')
    const critical = parts.length === 3 && readBoolean(childAt(parts, 1, TAG.boolean))
    if (parts.length !== 2 && parts.length !== 3) throw malformed('an extension has too many parts')
    if (values.has(oid)) throw malformed('an extension is there twice')
    values.set(oid, { critical, value: childAt(parts, parts.length - 1, TAG.octetString).value })
  }
  return {
    present: values,
    ...readNames(values.get(OID.subjectAltName)?.value),
    ...readBasicConstraints(values.get(OID.basicConstraints)?.value),
    keyUsage: readKeyUsage(values.get(OID.keyUsage)?.value),
    extendedKeyUsage: readExtendedKeyUsage(values.get(OID.extKeyUsage)?.value),
  }
}

const DNS_NAME = 0x82
const URI = 0x86
const IP_ADDRESS = 0x87

function readNames(
  value: Buffer | undefined,
): Pick<ExtensionFacts, 'uris' | 'dnsNames' | 'ips' | 'otherNames'> {
  const uris: string[] = []
  const dnsNames: string[] = []
  const ips: string[] = []
  const names = value === undefined ? [] : readChildren(readDer(value, TAG.sequence))
  for (const name of names) {
    // latin1 keeps every octet as one character: nothing is lost, and what is not ASCII fails later checks.
    if (name.tag === URI) uris.push(name.value.toString('latin1'))
    else if (name.tag === DNS_NAME) dnsNames.push(name.value.toString('latin1'))
    else if (name.tag === IP_ADDRESS) ips.push(name.value.toString('hex'))
  }
  const otherNames = names.length - uris.length - dnsNames.length - ips.length
  return { uris, dnsNames, ips, otherNames }
}

function readBasicConstraints(
  value: Buffer | undefined,
): Pick<ExtensionFacts, 'ca' | 'pathLength'> {
  if (value === undefined) return { ca: false, pathLength: undefined }
  const [first, second, third] = readChildren(readDer(value, TAG.sequence))
  if (third !== undefined) throw malformed('the basic constraints have too many parts')
  if (first === undefined) return { ca: false, pathLength: undefined }
  if (first.tag !== TAG.boolean) throw malformed('the basic constraints are malformed')
  const pathLength = second === undefined ? undefined : readSmallInteger(second)
  return { ca: readBoolean(first), pathLength }
}

function readKeyUsage(value: Buffer | undefined): ExtensionFacts['keyUsage'] {
  if (value === undefined) return undefined
  const [bits = 0] = readBits(readDer(value, TAG.bitString))
  return {
    digitalSignature: (bits & 0x80) !== 0,
    keyCertSign: (bits & 0x04) !== 0,
    crlSign: (bits & 0x02) !== 0,
  }
}

function readExtendedKeyUsage(value: Buffer | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  const usages = readChildren(readDer(value, TAG.sequence))
  return usages.map((_, i) => childAt(usages, i, TAG.oid).value.toString('hex'))
}
