import { isIP } from 'node:net'
import { addressBytes } from '../http1/index.ts'
import { TAG } from './der.ts'
import { OID } from './oids.ts'
import { writeSerial } from './serial.ts'
import { TRUE, writeDer, writeInteger, writeOid } from './write-der.ts'

/* The extensions that our certificates carry, each as one value of `Extensions` (RFC 5280, 4.1 and 4.2). */

/** A name in a subjectAltName: URI, host name or IP address. */
export type Name = { readonly uri: string } | { readonly dns: string } | { readonly ip: string }

export function writeExtension(oid: string, value: Uint8Array, critical = false): Buffer {
  const octets = writeDer(TAG.octetString, value)
  return critical
    ? writeDer(TAG.sequence, writeOid(oid), TRUE, octets)
    : writeDer(TAG.sequence, writeOid(oid), octets)
}

/** Critical. Without `ca` it says that this is none; `pathLength` is how many CAs may stand below. */
export function basicConstraints(ca?: { readonly pathLength: number }): Buffer {
  const parts = ca === undefined ? [] : [TRUE, writeInteger(Buffer.from([ca.pathLength]))]
  return writeExtension(OID.basicConstraints, writeDer(TAG.sequence, ...parts), true)
}

const USAGES = { digitalSignature: 0x80, keyCertSign: 0x04, crlSign: 0x02 } as const
export type Usage = keyof typeof USAGES

/** Critical. */
export function keyUsage(...usages: readonly Usage[]): Buffer {
  const bits = usages.reduce((all, usage) => all | USAGES[usage], 0)
  // Zeros at the end of named bits are not written: they count as unused.
  const unused = bits === 0 ? 0 : 31 - Math.clz32(bits & -bits)
  const value = writeDer(TAG.bitString, Buffer.from(bits === 0 ? [0] : [unused, bits]))
  return writeExtension(OID.keyUsage, value, true)
}

export function extendedKeyUsage(...oids: readonly string[]): Buffer {
  return writeExtension(OID.extKeyUsage, writeDer(TAG.sequence, ...oids.map(writeOid)))
}

export function subjectAltName(...names: readonly Name[]): Buffer {
  return writeExtension(OID.subjectAltName, writeDer(TAG.sequence, ...names.map(writeName)))
}

export const GENERAL_NAME = {
  email: 0x81,
  dns: 0x82,
  directory: 0xa4,
  uri: 0x86,
  ip: 0x87,
} as const

function writeName(name: Name): Buffer {
  if ('uri' in name) return writeDer(GENERAL_NAME.uri, ascii(name.uri))
  if ('dns' in name) return writeDer(GENERAL_NAME.dns, ascii(name.dns))
  const octets = isIP(name.ip) === 0 ? undefined : addressBytes(name.ip)
  if (octets === undefined) throw new TypeError(`not an address: ${JSON.stringify(name.ip)}`)
  return writeDer(GENERAL_NAME.ip, octets)
}

/** An IA5String has ASCII only; what is more would be cut to it without a word. */
function ascii(text: string): Buffer {
  if (!/^[\x20-\x7e]+$/.test(text)) throw new TypeError(`not ASCII: ${JSON.stringify(text)}`)
  return Buffer.from(text, 'latin1')
}

export function subjectKeyIdentifier(keyId: string): Buffer {
  const octets = writeDer(TAG.octetString, Buffer.from(keyId, 'hex'))
  return writeExtension(OID.subjectKeyIdentifier, octets)
}

export function authorityKeyIdentifier(keyId: string): Buffer {
  const octets = writeDer(0x80, Buffer.from(keyId, 'hex'))
  return writeExtension(OID.authorityKeyIdentifier, writeDer(TAG.sequence, octets))
}

/** Where the CRL of the issuer is (RFC 5280, 4.2.1.13): one distribution point with all its addresses. */
export function crlDistributionPoints(urls: readonly string[]): Buffer {
  const names = urls.map((url) => writeDer(GENERAL_NAME.uri, ascii(url)))
  // DistributionPoint { distributionPoint [0] { fullName [0] GeneralNames } }
  const point = writeDer(TAG.sequence, writeDer(0xa0, writeDer(0xa0, ...names)))
  return writeExtension(OID.crlDistributionPoints, writeDer(TAG.sequence, point))
}

/** Who answers OCSP for the issuer (RFC 5280, 4.2.2.1). */
export function authorityInfoAccess(ocspUrls: readonly string[]): Buffer {
  const places = ocspUrls.map((url) =>
    writeDer(TAG.sequence, writeOid(OID.ocsp), writeDer(GENERAL_NAME.uri, ascii(url))),
  )
  return writeExtension(OID.authorityInfoAccess, writeDer(TAG.sequence, ...places))
}

/** Our own extension, see `OID.lineage`: the serial that the line of certificates began with, as an INTEGER. */
export function lineageExtension(serial: string): Buffer {
  return writeExtension(OID.lineage, writeSerial(serial))
}
