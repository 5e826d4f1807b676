import type { CertificateFacts } from './certificate.ts'
import { readChildren, readDer, TAG } from './der.ts'
import { OID } from './oids.ts'

const NAMES = 0xa0
const URI = 0x86

/**
 * Where a certificate says that the list of what was revoked is (RFC 5280, 4.2.1.13): addresses of the whole list of
 * its own issuer. Points that split a list by reasons, or are of another issuer, are passed over.
 * Throws `X509Error` MALFORMED.
 */
export function crlUrlsOf({ present }: CertificateFacts): readonly string[] {
  const value = present.get(OID.crlDistributionPoints)?.value
  if (value === undefined) return []
  return readChildren(readDer(value, TAG.sequence)).flatMap((point) => {
    const [name, ...limits] = readChildren(point)
    if (name?.tag !== NAMES || limits.length > 0) return []
    const [full] = readChildren(name)
    if (full?.tag !== NAMES) return []
    return readChildren(full)
      .filter(({ tag }) => tag === URI)
      .map((uri) => uri.value.toString('latin1'))
  })
}
