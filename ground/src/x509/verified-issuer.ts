import { type KeyObject, X509Certificate } from 'node:crypto'
import { parseSpiffeId } from '../spiffe/index.ts'
import { type CertificateFacts, readCertificate } from './certificate.ts'
import { checkIssuer } from './check-certificate.ts'
import { checkNames } from './check-names.ts'
import { findWeakness } from './find-weakness.ts'
import { isNamedKind } from './key-pair.ts'
import { OID } from './oids.ts'
import { verifySigned } from './verify-signed.ts'

/*
 * A path is walked from its root down. What has been verified is kept in the shape of its lowest issuer: all that a
 * certificate below has to be held to (the state of RFC 5280, 6.1.2). Times are left to the end: they are the only
 * part that changes by itself.
 */
export interface VerifiedIssuer {
  readonly facts: CertificateFacts
  readonly key: KeyObject
  /** From this issuer up, without the root, in DER. */
  readonly path: readonly Buffer[]
  /** When all of it counts, milliseconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** How many CAs may stand below. */
  readonly room: number
  /** The certificates of the path, this issuer's too. */
  readonly all: readonly CertificateFacts[]
  readonly trustDomain: string | undefined
}

/** A root, as a beginning. A text says what is wrong with it. */
export function verifyRoot(der: Buffer): VerifiedIssuer | string {
  const facts = readCertificate(der)
  const fault = checkIssuer(facts)
  if (fault !== undefined) return fault
  const key = keyOf(facts, new X509Certificate(der))
  if (typeof key === 'string') return key
  const { notBefore, notAfter, pathLength: room = Number.POSITIVE_INFINITY } = facts
  const trustDomain = trustDomainOf(facts)
  return { facts, key, path: [], notBefore, notAfter, room, all: [facts], trustDomain }
}

/** An intermediate below an issuer that is verified. */
export function verifyBelow(issuer: VerifiedIssuer, der: Buffer): VerifiedIssuer | string {
  const facts = readCertificate(der)
  const alone = checkIssuer(facts)
  if (alone !== undefined) return alone
  if (!(issuer.room >= 1)) return 'an issuer may not have a CA below it'
  const fault = checkIssuedBy(facts, issuer)
  if (fault !== undefined) return fault
  const key = keyOf(facts, new X509Certificate(der))
  if (typeof key === 'string') return key
  return {
    facts,
    key,
    path: [der, ...issuer.path],
    notBefore: Math.max(issuer.notBefore, facts.notBefore),
    notAfter: Math.min(issuer.notAfter, facts.notAfter),
    // Self-issued certificates count as any other: stricter than RFC 5280 asks.
    room: Math.min(issuer.room - 1, facts.pathLength ?? Number.POSITIVE_INFINITY),
    all: [facts, ...issuer.all],
    trustDomain: issuer.trustDomain ?? trustDomainOf(facts),
  }
}

/** What is between a certificate and its issuer: names, key ids, constraints, the trust domain, the signature. */
export function checkIssuedBy(facts: CertificateFacts, issuer: VerifiedIssuer): string | undefined {
  if (!isNamedIssuer(facts, issuer.facts)) return 'a certificate names another issuer'
  const domain = trustDomainOf(facts)
  if (domain !== undefined && issuer.trustDomain !== undefined && domain !== issuer.trustDomain)
    return 'the chain crosses trust domains'
  if (issuer.all.some(({ spki }) => spki.equals(facts.spki))) return 'a key is there twice'
  for (const { nameConstraints } of issuer.all) {
    const fault = nameConstraints && checkNames(facts, nameConstraints)
    if (fault !== undefined) return fault
  }
  return verifySigned(facts.signed, issuer.key) ? undefined : 'a signature is wrong'
}

/** By the octets of the name, and by the key id. */
function isNamedIssuer(facts: CertificateFacts, issuer: CertificateFacts): boolean {
  const { authorityKeyId } = facts
  return (
    authorityKeyId !== undefined &&
    authorityKeyId === issuer.subjectKeyId &&
    facts.issuer.equals(issuer.subject)
  )
}

/** Whether every issuer that says what its certificates are for allows these uses. */
export function allowsUses(issuer: VerifiedIssuer, uses: readonly string[]): boolean {
  return issuer.all.every(
    ({ extendedKeyUsage }) =>
      extendedKeyUsage === undefined ||
      extendedKeyUsage.includes(OID.anyExtendedKeyUsage) ||
      uses.every((use) => extendedKeyUsage.includes(use)),
  )
}

/** The key of a certificate, or what is wrong with it. It is taken from OpenSSL, which has read it already. */
export function keyOf(
  { spki }: CertificateFacts,
  certificate: X509Certificate,
): KeyObject | string {
  let key: KeyObject
  try {
    key = certificate.publicKey
  } catch {
    return 'a key cannot be read'
  }
  const weakness = findWeakness(key)
  if (weakness !== undefined) return `a key is weak: ${weakness}`
  return isNamedKind(spki) ? key : 'the curve of a key is not named'
}

function trustDomainOf({ uris }: CertificateFacts): string | undefined {
  const [uri] = uris
  return uri === undefined ? undefined : parseSpiffeId(uri)?.trustDomain
}
