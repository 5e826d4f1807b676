import type { CertificateFacts } from './certificate.ts'
import { childAt, readChildren, readDer, TAG } from './der.ts'
import { OID } from './oids.ts'

const URI = 0x86

/**
 * Who a certificate says answers OCSP for its issuer (RFC 5280, 4.2.2.1), in its order.
 * Throws `X509Error` MALFORMED.
 */
export function ocspUrlsOf({ present }: CertificateFacts): readonly string[] {
  const value = present.get(OID.authorityInfoAccess)?.value
  if (value === undefined) return []
  return readChildren(readDer(value, TAG.sequence)).flatMap((description) => {
    const parts = readChildren(description)
    const method = childAt(parts, 0, TAG.oid).value.toString('hex')
    const [, place] = parts
    return method === OID.ocsp && place?.tag === URI ? [place.value.toString('latin1')] : []
  })
}
