import { workloadName } from '@countersign/contract'
import type { CertificateView } from '@countersign/contract/platform'
import { CERTIFICATES_MAX } from '../limits.ts'
import type { Authorities } from './authorities.ts'

export interface Listed {
  /** Those that end last come first. */
  readonly certificates: readonly CertificateView[]
  /** Authorities that did not answer: what only they have on record is missing. */
  readonly silent: readonly string[]
  /** There may be more: an authority told as many as it tells at once. */
  readonly cut: boolean
}
export interface CertificateFilter {
  readonly serial?: string
  readonly lineage?: string
  readonly state?: 'valid' | 'all'
}

/** What all authorities together have on record; each certificate once. */
export async function listCertificates(
  authorities: Authorities,
  filter: CertificateFilter,
): Promise<Listed> {
  const query = { ...filter, limit: CERTIFICATES_MAX }
  const answers = await authorities.askAll((client) => client.certificates({ query }))
  const found = new Map<string, CertificateView>()
  for (const answer of answers) {
    if ('fault' in answer) continue
    for (const each of answer.value.certificates) {
      const before = found.get(each.serial)
      found.set(each.serial, before === undefined ? each : richer(before, each))
    }
  }
  return {
    certificates: [...found.values()].toSorted((a, b) => b.notAfter - a.notAfter),
    silent: answers.filter((each) => 'fault' in each).map(({ at }) => at),
    cut: answers.some(
      (each) => 'value' in each && each.value.certificates.length >= CERTIFICATES_MAX,
    ),
  }
}

/** One authority may know of a use or a revocation before the other. */
function richer(a: CertificateView, b: CertificateView): CertificateView {
  const usedBy = a.usedBy ?? b.usedBy
  const revokedAt = a.revokedAt ?? b.revokedAt
  return {
    ...a,
    ...(usedBy === undefined ? {} : { usedBy }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
  }
}

/** Whether a certificate is of this name: a workload's short one, its SPIFFE id, or one of its host names. */
export function isOf(name: string, trustDomain: string): (each: CertificateView) => boolean {
  return (each) =>
    each.name === name ||
    workloadName(trustDomain, each.name) === name ||
    each.name.split(',').includes(name)
}

/**
 * Those that somebody shows at this time: of each name the latest one that an instance has reported, for it reports a
 * certificate once and shows it until it has the next. What nobody reports may be in use where it is no workload's.
 */
export function inUse(certificates: readonly CertificateView[]): readonly CertificateView[] {
  const latest = new Map<string, CertificateView>()
  for (const each of certificates) {
    if (each.usedBy === undefined || each.revokedAt !== undefined) continue
    const key = `${each.usedBy} ${each.name}`
    const before = latest.get(key)
    if (before === undefined || each.notBefore > before.notBefore) latest.set(key, each)
  }
  const shown = new Set(latest.values())
  return certificates.filter((each) => shown.has(each) || each.kind === 'acme')
}
