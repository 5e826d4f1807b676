import { X509Certificate } from 'node:crypto'
import { messageOf } from '../errors/index.ts'
import { parseSpiffeId } from '../spiffe/index.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { CHAIN_LENGTH_MAX } from './limits.ts'
import { OID, SIGNATURE_HASHES } from './oids.ts'
import { readPem } from './pem.ts'

/*
 * A second reading of a chain, by other code than issued it (OpenSSL's signatures, our own reader for the rest):
 *
 * - leaf first, then each certificate's issuer, the last issued by a root of the bundle
 * - every certificate is within its time
 * - names, key identifiers and signatures fit; the algorithms are believed ones
 * - issuers are CAs with keyCertSign, and their path length allows what is below them; the leaf is none
 * - no critical extension is unknown to us
 * - a CA that carries a SPIFFE id signs only for the same trust domain
 */

export type ChainVerdict =
  | {
      readonly ok: true
      readonly leaf: X509Certificate /** The earliest end, ms since 1970. */
      readonly notAfter: number
    }
  | { readonly ok: false; readonly fault: string }

interface Link {
  readonly certificate: X509Certificate
  readonly facts: CertificateFacts
}

/** Checks a chain (PEM, leaf first, without root) against roots (PEM) at `now`, ms since 1970. Never throws. */
export function validateChain(chainPem: string, bundlePem: string, now: number): ChainVerdict {
  try {
    const chain = readLinks(chainPem)
    const roots = readLinks(bundlePem)
    if (!(chain.length <= CHAIN_LENGTH_MAX)) return { ok: false, fault: 'the chain is too long' }
    return checkPath(chain, roots, now)
  } catch (error) {
    return { ok: false, fault: `the chain cannot be read: ${messageOf(error)}` }
  }
}

function checkPath(chain: readonly Link[], roots: readonly Link[], now: number): ChainVerdict {
  const last = chain[chain.length - 1]
  const [leaf] = chain
  if (leaf === undefined || last === undefined) return { ok: false, fault: 'the chain is empty' }
  const root = roots.find((candidate) => checkIssuedBy(last, candidate, 0) === undefined)
  if (root === undefined) return { ok: false, fault: 'no root of the bundle issued the chain' }
  const path = [...chain, root]
  const fault =
    (leaf.facts.ca ? 'the leaf is a CA' : undefined) ??
    first(path, (link) => checkAlone(link, now)) ??
    first(path.slice(1), (issuer, i) => checkIssuedBy(path[i], issuer, i)) ??
    checkTrustDomains(path)
  if (fault !== undefined) return { ok: false, fault }
  const ends = path.map(({ certificate }) => certificate.validToDate.getTime())
  return { ok: true, leaf: leaf.certificate, notAfter: Math.min(...ends) }
}

function first<T>(
  items: readonly T[],
  check: (item: T, i: number) => string | undefined,
): string | undefined {
  for (const [i, item] of items.entries()) {
    const fault = check(item, i)
    if (fault !== undefined) return fault
  }
  return undefined
}

const KNOWN: ReadonlySet<string> = new Set([
  OID.subjectAltName,
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
])

function checkAlone({ certificate, facts }: Link, now: number): string | undefined {
  if (!(now >= certificate.validFromDate.getTime())) return 'a certificate is not valid yet'
  if (!(now <= certificate.validToDate.getTime())) return 'a certificate has expired'
  if (!SIGNATURE_HASHES.has(facts.signatureAlgorithm))
    return 'a signature algorithm is not believed'
  for (const [oid, { critical }] of facts.present) {
    if (critical && !KNOWN.has(oid)) return 'a critical extension is not known'
  }
  return undefined
}

/** `below`: how many CAs stand between the issuer and the leaf. */
function checkIssuedBy(subject: Link | undefined, issuer: Link, below: number): string | undefined {
  if (subject === undefined) return 'the chain has a gap'
  const { ca, keyUsage, pathLength } = issuer.facts
  if (!ca || keyUsage?.keyCertSign !== true) return 'an issuer may not sign certificates'
  if (pathLength !== undefined && !(below <= pathLength))
    return 'an issuer may not have a CA below it'
  if (!subject.certificate.checkIssued(issuer.certificate))
    return 'a certificate names another issuer'
  if (!subject.certificate.verify(issuer.certificate.publicKey)) return 'a signature is wrong'
  return undefined
}

function checkTrustDomains(path: readonly Link[]): string | undefined {
  const domains = new Set<string | undefined>()
  for (const { facts } of path) {
    for (const uri of facts.uris) domains.add(parseSpiffeId(uri)?.trustDomain)
  }
  if (domains.has(undefined)) return 'a URI name is not a SPIFFE id'
  return domains.size > 1 ? 'the chain crosses trust domains' : undefined
}

function readLinks(pem: string): Link[] {
  return readPem(pem, 'CERTIFICATE').map((der) => ({
    certificate: new X509Certificate(der),
    facts: readCertificate(der),
  }))
}
