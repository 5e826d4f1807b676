import { childAt, readChildren, readDer, TAG } from './der.ts'
import { malformed } from './errors.ts'
import { type ExtensionFacts, readExtensions } from './extensions.ts'

const VERSION = 0xa0
const EXTENSIONS = 0xa3

export interface CertificateFacts extends ExtensionFacts {
  /** OID of the signature algorithm, in hex; the signed one and the outer one are the same. */
  readonly signatureAlgorithm: string
}

/**
 * Reads what our rules look at in an X.509 v3 certificate (RFC 5280, 4.1), straight from its DER, in a few
 * microseconds. It checks no signature. Throws `X509Error` MALFORMED.
 */
export function readCertificate(der: Buffer): CertificateFacts {
  const certificate = readChildren(readDer(der, TAG.sequence))
  const tbs = readChildren(childAt(certificate, 0, TAG.sequence))
  if (tbs[0]?.tag !== VERSION) throw malformed('the certificate is not of version 3')
  const inner = childAt(tbs, 2, TAG.sequence)
  const outer = childAt(certificate, 1, TAG.sequence)
  if (!inner.raw.equals(outer.raw)) throw malformed('the signature algorithms differ')
  // After version, serial, algorithm, issuer, validity, subject and key.
  const wrapped = tbs.slice(7).filter((part) => part.tag === EXTENSIONS)
  if (wrapped.length > 1) throw malformed('the extensions are there twice')
  const extensions = wrapped[0] === undefined ? [] : readChildren(wrapped[0])
  if (extensions.length > 1) throw malformed('the extensions are malformed')
  return {
    ...readExtensions(
      extensions[0] === undefined ? undefined : childAt(extensions, 0, TAG.sequence),
    ),
    signatureAlgorithm: childAt(readChildren(inner), 0, TAG.oid).value.toString('hex'),
  }
}
