import { X509Certificate } from 'node:crypto'
import { messageOf } from '../errors/index.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { checkLeaf } from './check-certificate.ts'
import { checkSvidFacts } from './check-svid.ts'
import { OID } from './oids.ts'
import { readPem } from './pem.ts'
import { rootsOfPem } from './trusted-roots.ts'
import { allowsUses, checkIssuedBy, keyOf, type VerifiedIssuer } from './verified-issuer.ts'

/*
 * A reading of a chain by other code than issued it, and beside the one that OpenSSL makes at a TLS door:
 *
 *  1. leaf first, then each certificate's issuer, the last issued by a root of the bundle
 *  2. every certificate by itself: see check-certificate.ts; its key is not weak
 *  3. between a certificate and its issuer: names by their octets, key ids, the signature, path lengths, name
 *     constraints of all issuers, one trust domain, no key twice: see verified-issuer.ts
 *  4. the leaf is for what it is used for, and so are its issuers, where they say what they are for
 *  5. all of them are within their time
 */

export type ChainVerdict =
  | {
      readonly ok: true
      readonly leaf: X509Certificate
      readonly facts: CertificateFacts
      /** The earliest end, ms since 1970. */
      readonly notAfter: number
    }
  | { readonly ok: false; readonly fault: string }

export interface ChainOptions {
  /**
   * What the leaf has to be: an X.509-SVID; a server certificate of host names and addresses only; or the certificate
   * of a client elsewhere, whose name may stand in its subject alone.
   */
  readonly profile?: 'svid' | 'server' | 'client'
  /** What the leaf is used for, as far as its profile does not say so. */
  readonly purpose?: 'client' | 'server'
}

/**
 * Checks a chain (PEM, leaf first, without root) against roots (PEM) at `now`, ms since 1970. Never throws. The roots
 * and issuers that it has verified are remembered: the next chain below them costs one signature.
 */
export function validateChain(
  chainPem: string,
  bundlePem: string,
  now: number,
  options: ChainOptions = {},
): ChainVerdict {
  try {
    const [leaf, ...path] = readPem(chainPem, 'CERTIFICATE')
    if (leaf === undefined) return refuse('the chain is empty')
    const facts = readCertificate(leaf)
    const roots = rootsOfPem(bundlePem)
    const alone =
      checkProfile(facts, options.profile) ?? checkLeaf(facts, options.profile === 'client')
    const issuer = alone ?? roots.verify(facts, path)
    if (typeof issuer === 'string') return refuse(issuer)
    const certificate = new X509Certificate(leaf)
    const fault = checkBelow({ facts, certificate }, issuer, { ...options, now })
    if (fault !== undefined) return refuse(fault)
    const notAfter = Math.min(facts.notAfter, issuer.notAfter)
    return { ok: true, leaf: certificate, facts, notAfter }
  } catch (error) {
    return refuse(`the chain cannot be read: ${messageOf(error)}`)
  }
}

function refuse(fault: string): { readonly ok: false; readonly fault: string } {
  return { ok: false, fault }
}

function checkProfile(
  leaf: CertificateFacts,
  profile: ChainOptions['profile'],
): string | undefined {
  if (profile === undefined || profile === 'client') return undefined
  if (profile === 'server') {
    if (leaf.uris.length > 0) return 'the certificate of a server has a URI'
    return leaf.extendedKeyUsage?.includes(OID.serverAuth) === true
      ? undefined
      : 'the certificate of a server is not for one'
  }
  const svid = checkSvidFacts(leaf)
  return svid.ok ? undefined : svid.fault
}

/** Holds a leaf against a verified issuer. Its own rules (`checkLeaf`) come before. */
export function checkBelow(
  {
    facts,
    certificate,
  }: { readonly facts: CertificateFacts; readonly certificate: X509Certificate },
  issuer: VerifiedIssuer,
  options: { readonly purpose?: 'client' | 'server'; readonly now: number },
): string | undefined {
  const fault = checkTime(facts, issuer, options.now) ?? checkIssuedBy(facts, issuer)
  if (fault !== undefined) return fault
  // Once the issuer has signed it: only then is it worth the work.
  const key = keyOf(facts, certificate)
  return typeof key === 'string' ? key : checkUses(facts, issuer, options.purpose)
}

function checkTime(
  leaf: CertificateFacts,
  issuer: VerifiedIssuer,
  now: number,
): string | undefined {
  const notBefore = Math.max(leaf.notBefore, issuer.notBefore)
  if (!(now >= notBefore)) return 'a certificate is not valid yet'
  return now <= Math.min(leaf.notAfter, issuer.notAfter) ? undefined : 'a certificate has expired'
}

const PURPOSES = { client: OID.clientAuth, server: OID.serverAuth } as const

function checkUses(
  leaf: CertificateFacts,
  issuer: VerifiedIssuer,
  purpose: ChainOptions['purpose'],
): string | undefined {
  const own = leaf.extendedKeyUsage
  const wanted = purpose === undefined ? undefined : PURPOSES[purpose]
  if (wanted !== undefined && own?.includes(wanted) === false) return 'the leaf is not for this use'
  const uses = wanted === undefined ? (own ?? []) : [wanted]
  return allowsUses(issuer, uses) ? undefined : 'an issuer is not for the uses of the leaf'
}
