import { isSpiffeId, parseSpiffeId } from '../spiffe/index.ts'
import type { CertificateFacts } from './certificate.ts'
import { OID } from './oids.ts'
import { isBelieved } from './verify-signed.ts'

/*
 * What has to hold of one certificate of a path, whoever signed it (RFC 5280, 4.1, 4.2 and 6.1.3 to 6.1.5; SPIFFE
 * X509-SVID, 3 to 5). Version, serial, times, doubled extensions and unequal algorithms are seen to by the reader.
 */
type Rule = readonly [fault: string, holds: (certificate: CertificateFacts) => boolean]

const KNOWN: ReadonlySet<string> = new Set([
  OID.subjectAltName,
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
  OID.nameConstraints,
])
const NEVER_CRITICAL: readonly string[] = [OID.subjectKeyIdentifier, OID.authorityKeyIdentifier]

const isCritical = ({ present }: CertificateFacts, oid: string): boolean =>
  present.get(oid)?.critical === true
const HOST_NAME = /^(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i

// biome-ignore format: a table
const EVERY: readonly Rule[] = [
  ['a signature algorithm is not believed',           (c) => isBelieved(c.signed)],
  ['an extension is critical that never is',          (c) => NEVER_CRITICAL.every((oid) => !isCritical(c, oid))],
  ['a critical extension is not known',               (c) => [...c.present].every(([oid, { critical }]) => !critical || KNOWN.has(oid))],
  ['name constraints are not critical',               (c) => c.nameConstraints === undefined || isCritical(c, OID.nameConstraints)],
  ['a certificate has more than one URI',             (c) => c.uris.length <= 1],
  ['a URI name is not a SPIFFE id',                   (c) => c.uris.every((uri) => isSpiffeId(uri))],
  ['a host name is malformed',                        (c) => c.dnsNames.every((name) => HOST_NAME.test(name))],
  ['an address is malformed',                         (c) => c.ips.every((address) => address.length === 8 || address.length === 32)],
]

// biome-ignore format: a table
const ISSUER: readonly Rule[] = [
  ['an issuer may not sign certificates',             (c) => c.ca && c.keyUsage?.keyCertSign === true],
  ['the basic constraints of an issuer are not critical', (c) => isCritical(c, OID.basicConstraints)],
  ['the key usage of an issuer is not critical',      (c) => isCritical(c, OID.keyUsage)],
  ['an issuer has no name',                           (c) => c.subject.length > 2],
  ['an issuer does not say the id of its key',        (c) => c.subjectKeyId !== undefined],
  ['the SPIFFE id of an issuer has a path',           (c) => c.uris.every((uri) => parseSpiffeId(uri)?.path === '')],
]

// biome-ignore format: a table
const LEAF: readonly Rule[] = [
  ['the leaf is a CA',                                (c) => !c.ca],
  ['the key usage of the leaf is that of a CA',       (c) => c.keyUsage?.keyCertSign !== true && c.keyUsage?.crlSign !== true],
  ['the key usage of the leaf lacks digitalSignature', (c) => c.keyUsage === undefined || c.keyUsage.digitalSignature],
  ['the leaf has a path length',                      (c) => c.pathLength === undefined],
  ['the leaf has name constraints',                   (c) => c.nameConstraints === undefined],
  ['the leaf has neither a subject nor critical names', (c) => c.subject.length > 2 || isCritical(c, OID.subjectAltName)],
]

/** What is wrong with a root or an intermediate by itself. */
export function checkIssuer(certificate: CertificateFacts): string | undefined {
  return first(EVERY, certificate) ?? first(ISSUER, certificate)
}

/**
 * What is wrong with a leaf by itself. It has to have names: its subject is no name of anyone, but where clients of
 * elsewhere are known by theirs (`mayHaveSubjectOnly`).
 */
export function checkLeaf(
  certificate: CertificateFacts,
  mayHaveSubjectOnly = false,
): string | undefined {
  const { uris, dnsNames, ips } = certificate
  const isNamed = mayHaveSubjectOnly || uris.length + dnsNames.length + ips.length > 0
  const fault = first(LEAF, certificate) ?? (isNamed ? undefined : 'the leaf has no names')
  return fault ?? first(EVERY, certificate)
}

function first(rules: readonly Rule[], certificate: CertificateFacts): string | undefined {
  return rules.find(([, holds]) => !holds(certificate))?.[0]
}
