import type { X509Certificate } from 'node:crypto'
import { messageOf } from '../errors/index.ts'
import { isSpiffeId, parseSpiffeId, type SpiffeId } from '../spiffe/index.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { OID } from './oids.ts'

/*
 * The rules of a leaf X.509-SVID (SPIFFE X509-SVID, sections 2 to 5.2):
 *
 * - exactly one URI in the subjectAltName, and it is a SPIFFE id with a path
 * - not a CA
 * - keyUsage is there, critical, with digitalSignature and without keyCertSign and cRLSign
 * - extendedKeyUsage, where present, has both serverAuth and clientAuth
 *
 * The names are read from the DER. The text of `X509Certificate.subjectAltName` is never looked at: a name of another
 * kind can be written so that the text shows a URI that is not there (CVE-2021-44532).
 */

export type SvidVerdict =
  | { readonly ok: true; readonly id: SpiffeId }
  | { readonly ok: false; readonly fault: string }

/**
 * Whose certificate this is. For a peer whose chain TLS has verified already; checks neither signature nor time.
 * Takes a few microseconds. Never throws.
 */
export function checkSvid(certificate: X509Certificate): SvidVerdict {
  try {
    return checkSvidFacts(readCertificate(certificate.raw))
  } catch (error) {
    return fault(`the certificate cannot be read: ${messageOf(error)}`)
  }
}

/** As `checkSvid`, of a certificate that was read. */
export function checkSvidFacts(facts: CertificateFacts): SvidVerdict {
  const [uri, ...others] = facts.uris
  if (uri === undefined) return fault('it has no URI in its subjectAltName')
  if (others.length > 0) return fault('it has more than one URI in its subjectAltName')
  if (!isSpiffeId(uri)) return fault('its URI is not a SPIFFE id')
  if (!parseSpiffeId(uri)?.path) return fault('its SPIFFE id has no path')
  if (facts.ca) return fault('it is a CA')
  return checkUsage(facts) ?? { ok: true, id: uri }
}

function checkUsage({
  keyUsage,
  extendedKeyUsage,
  present,
}: CertificateFacts): SvidVerdict | undefined {
  if (keyUsage === undefined) return fault('it has no keyUsage')
  if (present.get(OID.keyUsage)?.critical !== true) return fault('its keyUsage is not critical')
  if (!keyUsage.digitalSignature) return fault('its keyUsage lacks digitalSignature')
  if (keyUsage.keyCertSign || keyUsage.crlSign) return fault('its keyUsage is that of a CA')
  if (extendedKeyUsage === undefined) return undefined
  const both = [OID.serverAuth, OID.clientAuth].every((oid) => extendedKeyUsage.includes(oid))
  return both ? undefined : fault('its extendedKeyUsage lacks serverAuth or clientAuth')
}

function fault(text: string): SvidVerdict {
  return { ok: false, fault: text }
}
