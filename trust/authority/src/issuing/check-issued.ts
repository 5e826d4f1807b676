import type { KeyObject, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Issued } from '@countersign/contract/platform'
import type { SpiffeId } from '@countersign/ground/spiffe'
import {
  type CertificateFacts,
  checkSvid,
  readCertificate,
  validateChain,
} from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import type { Intent } from './issued-record.ts'

/*
 * Reads a certificate that was just made as a stranger would, with other code than made it. What does not pass never
 * leaves:
 *
 * - the chain leads to a root of the bundle, by all rules of path validation, at this time
 * - serial, lineage, issuer and span are those of the intent on record
 * - it is for the key of the request, and says the names that were granted and no other
 * - it has the extensions of its profile, and no other
 */

/** Whom a certificate is for: one workload, or the host names of a server. */
export type Subject =
  | { readonly id: SpiffeId; readonly hosts: readonly string[] }
  | { readonly hosts: readonly string[] }

export interface Expected {
  readonly subject: Subject
  readonly publicKey: KeyObject
  readonly intent: Intent
  readonly now: number
}

const SERVER_AUTH = '2b06010505070301'
const CLIENT_AUTH = '2b06010505070302'
/** basicConstraints, keyUsage, extKeyUsage, subjectAltName, subject and authority key identifier. */
const ALWAYS = ['551d13', '551d0f', '551d25', '551d11', '551d0e', '551d23']
/** crlDistributionPoints and authorityInfoAccess. */
const STATUS = ['551d1f', '2b06010505070101']
/** How many extensions stand beside those above: that of the lineage, in a workload's. */
const OWN_EXTENSIONS = { id: 1, hosts: 0 } as const

/** The DER of a certificate that passed. Throws `AuthorityError` SELF_CHECK_FAILED. */
export function checkIssued(issued: Issued, expected: Expected): Buffer {
  const chain = validateChain(issued.chain, issued.bundle, expected.now)
  if (!chain.ok) throw failed(chain.fault)
  const { leaf } = chain
  const facts = readCertificate(leaf.raw)
  const fault =
    checkAgainstIntent(leaf, facts, expected) ??
    checkNames(leaf, facts, expected.subject) ??
    checkExtensions(facts, expected.subject)
  if (fault !== undefined) throw failed(fault)
  return Buffer.from(leaf.raw)
}

function checkAgainstIntent(
  leaf: X509Certificate,
  facts: CertificateFacts,
  { intent, publicKey, subject }: Expected,
): string | undefined {
  if (!leaf.publicKey.equals(publicKey)) return 'it is for another key'
  if (facts.serial !== intent.serial) return 'it has another serial'
  if (facts.lineage !== ('id' in subject ? intent.lineage : undefined))
    return 'it has another lineage'
  if (facts.authorityKeyId !== intent.issuer) return 'it names another issuer'
  const starts = leaf.validFromDate.getTime()
  const ends = leaf.validToDate.getTime()
  return starts === intent.notBefore && ends === intent.notAfter ? undefined : 'it has another span'
}

function checkNames(
  leaf: X509Certificate,
  facts: CertificateFacts,
  subject: Subject,
): string | undefined {
  if ('id' in subject) {
    const svid = checkSvid(leaf)
    if (!svid.ok) return svid.fault
    if (svid.id !== subject.id) return 'it is for another id'
  } else if (facts.uris.length > 0) return 'a server certificate has a URI name'
  if (facts.otherNames > 0) return 'it has names of another kind'
  const dns = subject.hosts.filter((host) => isIP(host) === 0)
  if (dns.join() !== facts.dnsNames.join()) return 'its host names differ'
  // The octets of addresses are compared in number here, and by the library's own reading.
  const ips = subject.hosts.filter((host) => isIP(host) !== 0)
  const same = ips.length === facts.ips.length && ips.every((ip) => leaf.checkIP(ip) !== undefined)
  return same ? undefined : 'its addresses differ'
}

function checkExtensions(facts: CertificateFacts, subject: Subject): string | undefined {
  const isSvid = 'id' in subject
  const usages = isSvid ? [SERVER_AUTH, CLIENT_AUTH] : [SERVER_AUTH]
  if (facts.extendedKeyUsage?.join() !== usages.join()) return 'its usages differ'
  if (ALWAYS.some((oid) => !facts.present.has(oid))) return 'it lacks an extension'
  const status = isSvid ? 0 : STATUS.filter((oid) => facts.present.has(oid)).length
  const own = OWN_EXTENSIONS[isSvid ? 'id' : 'hosts']
  return facts.present.size === ALWAYS.length + status + own ? undefined : 'it has other extensions'
}

function failed(why: string): AuthorityError {
  return new AuthorityError('SELF_CHECK_FAILED', `a certificate did not pass its own check: ${why}`)
}
