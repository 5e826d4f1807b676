import { isIP } from 'node:net'
import { addressBytes } from '@countersign/ground/http1'
import type { CsrFacts } from '@countersign/ground/x509'

/*
 * What a request for a server certificate may ask for (RFC 8555, 7.4):
 *
 * - exactly the granted host names and addresses, in whatever order and case, none twice
 * - no name of another kind; a common name only if it is one of the granted
 * - it does not ask to be a CA, nor for usages other than those of TLS
 * - it asks for no extension that we do not know
 *
 * Nothing is copied from a request but its key. Attributes that only carry words, as the challenge password of old
 * clients does, are passed over.
 */
const SERVER_AUTH = '2b06010505070301'
const CLIENT_AUTH = '2b06010505070302'
const USAGES: ReadonlySet<string> = new Set([SERVER_AUTH, CLIENT_AUTH])
/** keyUsage, subjectAltName, basicConstraints, extKeyUsage, subjectKeyIdentifier. */
const EXTENSIONS: ReadonlySet<string> = new Set(['551d0f', '551d11', '551d13', '551d25', '551d0e'])

/** What is wrong with a request for these names; `undefined` where nothing is. */
export function checkServerCsr(csr: CsrFacts, granted: readonly string[]): string | undefined {
  if (csr.uris.length + csr.otherNames > 0) return 'it asks for names of another kind'
  const hosts = granted.filter((name) => isIP(name) === 0).map(lower)
  const addresses = granted.filter((name) => isIP(name) !== 0).map(toOctets)
  if (!isSame(csr.dnsNames.map(lower), hosts) || !isSame(csr.ips, addresses))
    return 'it is not for exactly the granted names'
  if (csr.commonNames.some((name) => !granted.map(lower).includes(lower(name))))
    return 'its common name is none of the granted names'
  if (csr.ca || csr.pathLength !== undefined) return 'it asks to be a CA'
  if (csr.keyUsage?.keyCertSign || csr.keyUsage?.crlSign) return 'it asks for usages of a CA'
  if (csr.extendedKeyUsage?.some((usage) => !USAGES.has(usage))) return 'it asks for other usages'
  if ([...csr.present.keys()].some((oid) => !EXTENSIONS.has(oid)))
    return 'it asks for other extensions'
  return undefined
}

const lower = (name: string): string => name.toLowerCase()

function isSame(asked: readonly string[], granted: readonly string[]): boolean {
  return [...asked].sort().join() === [...granted].sort().join()
}

/** The octets of an address in hex, as certificates hold them. */
function toOctets(address: string): string {
  return addressBytes(address)?.toString('hex') ?? ''
}
