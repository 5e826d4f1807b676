import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { messageOf } from '../errors/index.ts'
import type { SpiffeId } from '../spiffe/index.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { checkLeaf } from './check-certificate.ts'
import { checkSvidFacts } from './check-svid.ts'
import { CHAIN_LENGTH_MAX, SEEN_PATHS_MAX } from './limits.ts'
import { Recent } from './recent.ts'
import { leafOf } from './select-alpn.ts'
import { issuerOf, rootsOf, type TrustedRoots } from './trusted-roots.ts'
import { checkBelow } from './validate-chain.ts'
import type { VerifiedIssuer } from './verified-issuer.ts'

/** Who the other side of a connection is. Times are milliseconds since 1970. */
export interface ProvenPeer {
  readonly ok: true
  readonly id: SpiffeId
  /** Lower case hex, as everywhere. */
  readonly serial: string
  /** That of its certificate; its own serial where it says none. */
  readonly lineage: string
  readonly notBefore: number
  /** The earliest end in its path. */
  readonly notAfter: number
  /** Key id of its issuer. */
  readonly issuer: string
}
export type PeerVerdict = ProvenPeer | { readonly ok: false; readonly fault: string }

export interface PeerOptions {
  /** Hand over the same array for as long as the bundle is the same: what was verified is remembered with it. */
  readonly roots: readonly X509Certificate[]
  readonly now: number
  /** What the peer is in this connection. */
  readonly purpose: 'client' | 'server'
  /** Issuers in DER, the nearest first, for who shows none while none of its like has been seen. */
  readonly fallback?: readonly Buffer[]
}

/**
 * A second opinion on the workload at the other side, beside that of OpenSSL: the whole path by RFC 5280 and the rules
 * of X.509-SVID, see validate-chain.ts. Never throws.
 *
 * Give it the socket, after the handshake; a server of ours is made with `selectAlpn`. The issuers are, in this order:
 * one that these roots have verified before; those that the peer has shown; in a resumed session, which shows none,
 * those that its like has shown before, or `fallback`.
 */
export function validatePeer(peer: X509Certificate | TLSSocket, options: PeerOptions): PeerVerdict {
  try {
    const certificate = peer instanceof X509Certificate ? peer : leafOf(peer)
    if (certificate === undefined) return { ok: false, fault: 'it showed no certificate' }
    const facts = readCertificate(certificate.raw)
    const svid = checkSvidFacts(facts)
    if (!svid.ok) return svid
    const issuer = findIssuer({ facts, certificate }, options)
    if (typeof issuer === 'string') return { ok: false, fault: issuer }
    return {
      ...{ ok: true, id: svid.id, serial: facts.serial, lineage: facts.lineage ?? facts.serial },
      notBefore: facts.notBefore,
      notAfter: Math.min(facts.notAfter, issuer.notAfter),
      issuer: facts.authorityKeyId ?? '',
    }
  } catch (error) {
    return { ok: false, fault: `the chain cannot be read: ${messageOf(error)}` }
  }
}

/** Paths that some roots have verified, to be verified anew for others. By the issuer that they lead to. */
const seen = new Recent<readonly Buffer[]>(SEEN_PATHS_MAX)

function findIssuer(
  leaf: { readonly facts: CertificateFacts; readonly certificate: X509Certificate },
  options: PeerOptions,
): VerifiedIssuer | string {
  const { facts, certificate } = leaf
  const alone = checkLeaf(facts)
  if (alone !== undefined) return alone
  const roots = rootsOf(options.roots)
  const before = roots.known(facts)
  if (before !== undefined && checkBelow(leaf, before, options) === undefined)
    return remember(facts, before)
  const issuer = verifyShown(roots, facts, pathTo(facts, issuersOf(certificate), options))
  if (typeof issuer === 'string') return issuer
  const fault = checkBelow(leaf, issuer, options)
  return fault ?? remember(facts, issuer)
}

/** Only with a leaf that has passed: a path that nobody uses must not take the place of one that is used. */
function remember(leaf: CertificateFacts, issuer: VerifiedIssuer): VerifiedIssuer {
  const key = issuerOf(leaf)
  if (seen.get(key) !== issuer.path) seen.set(key, issuer.path)
  return issuer
}

function pathTo(
  leaf: CertificateFacts,
  shown: readonly Buffer[],
  { fallback = [] }: PeerOptions,
): readonly Buffer[] {
  return shown.length > 0 ? shown : (seen.get(issuerOf(leaf)) ?? fallback)
}

/** The shortest path of what is shown that ends at a root: a peer may show the root as well, or what is above it. */
function verifyShown(
  roots: TrustedRoots,
  leaf: CertificateFacts,
  path: readonly Buffer[],
): VerifiedIssuer | string {
  const facts = [leaf, ...path.map(readCertificate)]
  const top = facts.findIndex((certificate) => roots.rootOf(certificate) !== undefined)
  return roots.verify(leaf, top === -1 ? path : path.slice(0, top))
}

/** The issuers that came with a leaf, the nearest first. */
function issuersOf(leaf: X509Certificate): readonly Buffer[] {
  const issuers: Buffer[] = []
  for (let at = leaf.issuerCertificate; at !== undefined; at = at.issuerCertificate) {
    // One more than a path may have, for a root: a longer one is refused later.
    if (issuers.length > CHAIN_LENGTH_MAX) break
    issuers.push(at.raw)
  }
  return issuers
}
