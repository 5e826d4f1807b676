import { crossSign, type Issuer, X509Error } from '@countersign/ground/x509'
import { type Ca, spanOf } from '../pki/create-ca.ts'

/**
 * The new root's key signed by the old root, for clients outside that know only that one. `undefined` where the old root
 * may not do so: those of the first release allow one CA below them.
 */
export function crossOf(root: Ca, old: Issuer): string | undefined {
  const [own, above] = [spanOf(root.certificate), spanOf(old.certificate)]
  const span = {
    notBefore: Math.max(own.notBefore, above.notBefore),
    notAfter: Math.min(own.notAfter, above.notAfter),
  }
  try {
    return crossSign({ issuer: old, certificate: root.certificate, span })
  } catch (error) {
    if (error instanceof X509Error && error.code === 'PATH_TOO_SHORT') return undefined
    throw error
  }
}
