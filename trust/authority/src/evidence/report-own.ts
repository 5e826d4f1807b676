import { X509Certificate } from 'node:crypto'
import { readCertificate } from '@countersign/ground/x509'
import type { Identity } from '@countersign/service'
import type { TrustView } from '../trust/trust-view.ts'
import type { Shown } from './domain/fact.ts'
import type { Evidence } from './evidence.ts'

/** Certificates that an authority shows beside its own as a workload, such as that of its outside door. */
export interface AlsoShown {
  all(): readonly Shown[]
  onChange(listener: () => void): () => void
}

/**
 * An authority reports like every workload, to itself. It says that it trusts a bundle once its own doors do.
 * Returns the way to stop.
 */
export function reportOwn(parts: {
  readonly instance: string
  readonly identity: Pick<Identity, 'current' | 'bundle' | 'onChange'>
  readonly trust: Pick<TrustView, 'bundle' | 'sequence' | 'onChange'>
  readonly evidence: Pick<Evidence, 'note'>
  readonly also?: AlsoShown | undefined
}): () => void {
  const { instance, identity, trust, evidence, also } = parts
  let sequence = 0
  const report = (): void => {
    if (identity.bundle() === trust.bundle()) sequence = trust.sequence()
    const leaf = new X509Certificate(identity.current().chain)
    const { serial, authorityKeyId: issuer = '', lineage } = readCertificate(leaf.raw)
    const own = { serial, issuer, notAfter: leaf.validToDate.getTime() }
    const certificates = [own, ...(also?.all() ?? [])]
    evidence.note('authority', { instance, sequence, certificates }, lineage)
  }
  report()
  const stops = [identity.onChange(report), trust.onChange(report)]
  if (also !== undefined) stops.push(also.onChange(report))
  return () => {
    for (const stop of stops) stop()
  }
}
