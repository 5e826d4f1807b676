import { X509Certificate } from 'node:crypto'
import type { TrustState } from '@countersign/contract/platform'
import { type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
import { keyIdOf, readCertificate } from '@countersign/ground/x509'
import { isSignedBy } from '../pki/create-ca.ts'
import { AUTHORITIES_MAX, INTERMEDIATES_MAX, ROOTS_MAX } from './limits.ts'

/*
 * A state that another authority tells:
 *
 * - every certificate is that of a CA of this trust domain, and its id is that of its key
 * - a root is signed by itself; an intermediate whose root is in the state is signed by that
 * - there is exactly one active root, one next root at most, and nothing is there twice
 */

/** Checks states of trust; remembers the certificates that were good. */
export class TrustChecker {
  readonly #trustDomainId: SpiffeId
  readonly #good = new Set<string>()

  constructor(trustDomain: string) {
    this.#trustDomainId = spiffeId(trustDomain)
  }

  /** What is wrong with a state, if anything. Never throws. */
  faultOf(state: TrustState): string | undefined {
    try {
      return this.#rootsFault(state) ?? this.#intermediatesFault(state)
    } catch {
      return 'a certificate cannot be read'
    }
  }

  #rootsFault({ roots: { entries } }: TrustState): string | undefined {
    const active = entries.filter(({ state }) => state === 'active').length
    const next = entries.filter(({ state }) => state === 'next').length
    if (active !== 1 || next > 1) return 'there is not one active root'
    if (hasTwice(entries)) return 'a root is there twice'
    for (const { id, certificate } of entries) {
      const fault = this.#fault(id, certificate, certificate)
      if (fault !== undefined) return `root ${id}: ${fault}`
    }
    return undefined
  }

  #intermediatesFault({ roots, authorities }: TrustState): string | undefined {
    const sections = Object.values(authorities)
    if (sections.length > AUTHORITIES_MAX) return 'there are too many authorities'
    if (hasTwice(sections.flatMap(({ entries }) => entries)))
      return 'an intermediate is there twice'
    for (const { id, root, certificate } of sections.flatMap(({ entries }) => entries)) {
      const above = roots.entries.find((each) => each.id === root)
      const fault = this.#fault(id, certificate, above?.certificate)
      if (fault !== undefined) return `intermediate ${id}: ${fault}`
    }
    return undefined
  }

  #fault(id: string, certificate: string, above: string | undefined): string | undefined {
    const known = `${id}\n${certificate}\n${above ?? ''}`
    if (this.#good.has(known)) return undefined
    const parsed = new X509Certificate(certificate)
    const { ca, uris } = readCertificate(parsed.raw)
    if (!ca || uris[0] !== this.#trustDomainId) return 'it is no CA of this trust domain'
    if (keyIdOf(parsed) !== id) return 'it is of another key'
    if (above !== undefined && !isSignedBy(certificate, above)) return 'its root did not sign it'
    if (this.#good.size >= (AUTHORITIES_MAX + 1) * (INTERMEDIATES_MAX + ROOTS_MAX))
      this.#good.clear()
    this.#good.add(known)
    return undefined
  }
}

function hasTwice(entries: readonly { readonly id: string }[]): boolean {
  return new Set(entries.map(({ id }) => id)).size !== entries.length
}
