import { X509Certificate } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import { spiffeId } from '@countersign/ground/spiffe'
import { readCertificate, readPem } from '@countersign/ground/x509'
import { ROOTS_MAX } from './limits.ts'

/*
 * A bundle is believed only if each certificate in it
 *
 * - is a CA that may sign certificates
 * - bears the id of our trust domain and no other URI
 * - is signed by itself
 *
 * and there is at least one. Says what is wrong. Never throws.
 */
export function checkBundle(bundle: string, trustDomain: string): string | undefined {
  try {
    const ders = readPem(bundle, 'CERTIFICATE')
    if (ders.length === 0) return 'it holds no certificate'
    if (!(ders.length <= ROOTS_MAX)) return 'it holds too many certificates'
    const id = spiffeId(trustDomain)
    for (const der of ders) {
      const fault = checkRoot(der, id)
      if (fault !== undefined) return fault
    }
    return undefined
  } catch (error) {
    return `it cannot be read: ${messageOf(error)}`
  }
}

function checkRoot(der: Buffer, id: string): string | undefined {
  const { ca, keyUsage, uris } = readCertificate(der)
  if (!ca || keyUsage?.keyCertSign !== true) return 'it holds a certificate that may sign none'
  if (uris.length !== 1 || uris[0] !== id) return 'it holds a root of another trust domain'
  const root = new X509Certificate(der)
  if (!root.checkIssued(root) || !root.verify(root.publicKey))
    return 'it holds a certificate that is not signed by itself'
  return undefined
}
