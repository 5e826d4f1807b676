import { X509Certificate } from 'node:crypto'
import type { TrustState } from '@countersign/contract/platform'
import { readCertificate } from '@countersign/ground/x509'
import type { TrustedCa } from './ports.ts'

/** What is read of the certificate of a CA. It is the same for all its life. */
const read = new Map<string, { readonly serial: string; readonly notAfter: number }>()
const READ_MAX = 256

function facts(certificate: string): { readonly serial: string; readonly notAfter: number } {
  const known = read.get(certificate)
  if (known !== undefined) return known
  const { serial, notAfter } = readCertificate(new X509Certificate(certificate).raw)
  if (read.size >= READ_MAX) read.clear()
  read.set(certificate, { serial, notAfter })
  return { serial, notAfter }
}

/** The intermediates of all authorities. */
export function intermediatesOf(state: TrustState): TrustedCa[] {
  return Object.entries(state.authorities).flatMap(([instance, { entries }]) =>
    entries.map(({ root, certificate, state: step }) => ({
      ...facts(certificate),
      issuer: root,
      signs: step === 'active',
      name: `intermediate of ${instance}`,
    })),
  )
}

/** The certificate of a CA by its key id, in PEM. */
export function trustedCa(state: TrustState, id: string): string | undefined {
  const intermediates = Object.values(state.authorities).flatMap(({ entries }) => entries)
  return [...state.roots.entries, ...intermediates].find((each) => each.id === id)?.certificate
}
