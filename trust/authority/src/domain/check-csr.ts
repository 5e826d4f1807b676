import type { SpiffeId } from '@countersign/ground/spiffe'
import type { CsrFacts } from '@countersign/ground/x509'

/*
 * - the one URI is the expected SPIFFE id, letter by letter
 * - there is no name of another kind, and no subject
 * - it does not ask to be a CA, nor for usages of one
 * - it asks for no extension and has no attribute that we do not know
 *
 * Nothing is copied from a request but its key: a request that wants more than it would get is refused all the same,
 * so that its sender learns of the mistake, and so does the log.
 */
const OID = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  extKeyUsage: '551d25',
  serverAuth: '2b06010505070301',
  clientAuth: '2b06010505070302',
} as const
const EXTENSIONS: ReadonlySet<string> = new Set([
  OID.subjectAltName,
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
])
const USAGES: ReadonlySet<string> = new Set([OID.serverAuth, OID.clientAuth])

/** What is wrong with a request for this id; `undefined` where nothing is. */
export function checkCsr(csr: CsrFacts, expected: SpiffeId): string | undefined {
  const [uri, ...others] = csr.uris
  if (uri !== expected || others.length > 0) return 'it is not for the one expected name'
  if (csr.dnsNames.length + csr.ips.length + csr.otherNames > 0) return 'it asks for further names'
  if (!csr.subjectEmpty) return 'it asks for a subject'
  if (csr.ca || csr.pathLength !== undefined) return 'it asks to be a CA'
  if (csr.keyUsage?.keyCertSign || csr.keyUsage?.crlSign) return 'it asks for usages of a CA'
  if (csr.extendedKeyUsage?.some((usage) => !USAGES.has(usage))) return 'it asks for other usages'
  if ([...csr.present.keys()].some((oid) => !EXTENSIONS.has(oid)))
    return 'it asks for other extensions'
  if (csr.otherAttributes.length > 0) return 'it has other attributes'
  return undefined
}
