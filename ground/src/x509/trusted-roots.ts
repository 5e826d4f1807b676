import type { X509Certificate } from 'node:crypto'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { CHAIN_LENGTH_MAX, ROOT_SETS_MAX, VERIFIED_ISSUERS_MAX } from './limits.ts'
import { readPem } from './pem.ts'
import { Recent } from './recent.ts'
import { type VerifiedIssuer, verifyBelow, verifyRoot } from './verified-issuer.ts'

/*
 * The roots of one bundle, and the issuers that were verified below them. What one set of roots has verified, no other
 * set believes: with the bundle everything is verified anew.
 */
export class TrustedRoots {
  /** By `nameOf`; of two certificates for the same name and key the first that is good. */
  readonly #roots = new Map<string, VerifiedIssuer | string>()
  readonly #verified = new Recent<VerifiedIssuer>(VERIFIED_ISSUERS_MAX)

  constructor(roots: readonly Buffer[]) {
    for (const der of roots) {
      const key = subjectOf(readCertificate(der))
      if (key !== undefined && typeof this.#roots.get(key) !== 'object')
        this.#roots.set(key, verifyRoot(der))
    }
  }

  /** The root that issued this one; a text says what is wrong with it. */
  rootOf(certificate: CertificateFacts): VerifiedIssuer | string | undefined {
    return this.#roots.get(issuerOf(certificate))
  }

  /** The issuer of this one, where a path to it was verified before. */
  known(certificate: CertificateFacts): VerifiedIssuer | undefined {
    return this.#verified.get(issuerOf(certificate))
  }

  /**
   * Verifies the issuers of a leaf: `path` is those that were shown, the nearest first, the last issued by a root.
   * A text says what is wrong.
   */
  verify(leaf: CertificateFacts, path: readonly Buffer[]): VerifiedIssuer | string {
    const before = this.known(leaf)
    if (before !== undefined && isSame(before.path, path)) return before
    if (!(path.length < CHAIN_LENGTH_MAX)) return 'the chain is too long'
    const last = path.at(-1)
    let issuer = this.rootOf(last === undefined ? leaf : readCertificate(last))
    if (issuer === undefined) return 'no root of the bundle issued the chain'
    for (const der of path.toReversed()) {
      if (typeof issuer === 'string') return issuer
      issuer = verifyBelow(issuer, der)
    }
    if (typeof issuer === 'object' && path.length > 0) {
      const key = subjectOf(issuer.facts)
      if (key !== undefined) this.#verified.set(key, issuer)
    }
    return issuer
  }
}

function isSame(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((der, i) => b[i]?.equals(der) === true)
}

export function issuerOf({ issuer, authorityKeyId }: CertificateFacts): string {
  return `${authorityKeyId} ${issuer.toString('latin1')}`
}
function subjectOf({ subject, subjectKeyId }: CertificateFacts): string | undefined {
  return subjectKeyId && `${subjectKeyId} ${subject.toString('latin1')}`
}

const sets = new Recent<TrustedRoots>(ROOT_SETS_MAX)
const setsOfArrays = new WeakMap<readonly X509Certificate[], TrustedRoots>()

/** The roots of a PEM text. Throws `X509Error` MALFORMED. */
export function rootsOfPem(pem: string): TrustedRoots {
  return remember(pem, () => readPem(pem, 'CERTIFICATE'))
}

/** The same array is the same roots: it is not read again. Throws `X509Error` MALFORMED. */
export function rootsOf(roots: readonly X509Certificate[]): TrustedRoots {
  const before = setsOfArrays.get(roots)
  if (before !== undefined) return before
  const prints = roots.map(({ fingerprint256 }) => fingerprint256)
  const set = remember(prints.join(), () => roots.map(({ raw }) => raw))
  setsOfArrays.set(roots, set)
  return set
}

function remember(key: string, read: () => readonly Buffer[]): TrustedRoots {
  const before = sets.get(key)
  if (before !== undefined) return before
  const set = new TrustedRoots(read())
  sets.set(key, set)
  return set
}
