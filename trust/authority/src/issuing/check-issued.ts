import type { KeyObject } from 'node:crypto'
import type { Issued } from '@countersign/contract/platform'
import type { SpiffeId } from '@countersign/ground/spiffe'
import { checkSvid, readCertificate, validateChain } from '@countersign/ground/x509'
import { AuthorityError } from '../errors.ts'
import type { IssuedRecord, IssueKind } from './issued-log.ts'

/** Whom a certificate is for: one workload, or the host names of the public door. */
export type Subject = { readonly id: SpiffeId } | { readonly hosts: readonly string[] }

const SERVER_AUTH = '2b06010505070301'

/**
 * Reads a certificate that was just made as a stranger would, with other code than made it. What does not pass never
 * leaves. Throws `AuthorityError` SELF_CHECK_FAILED.
 */
export function checkIssued(
  issued: Issued,
  expected: { subject: Subject; publicKey: KeyObject; kind: IssueKind; now: number },
): IssuedRecord {
  const chain = validateChain(issued.chain, issued.bundle, expected.now)
  if (!chain.ok) throw failed(chain.fault)
  const { leaf } = chain
  const { subject } = expected
  if (!leaf.publicKey.equals(expected.publicKey)) throw failed('it is for another key')
  if ('id' in subject) {
    const svid = checkSvid(leaf)
    if (!svid.ok) throw failed(svid.fault)
    if (svid.id !== subject.id) throw failed('it is for another id')
  } else {
    const { uris, extendedKeyUsage, dnsNames, ips } = readCertificate(leaf.raw)
    if (uris.length > 0) throw failed('a certificate of the public door has a URI name')
    if (dnsNames.length + ips.length !== subject.hosts.length) throw failed('its names differ')
    if (extendedKeyUsage?.join() !== SERVER_AUTH) throw failed('it is not for a server only')
  }
  return {
    at: new Date(expected.now).toISOString(),
    serial: leaf.serialNumber,
    name: 'id' in subject ? subject.id : subject.hosts.join(','),
    notAfter: leaf.validToDate.toISOString(),
    kind: expected.kind,
  }
}

function failed(why: string): AuthorityError {
  return new AuthorityError('SELF_CHECK_FAILED', `a certificate did not pass its own check: ${why}`)
}
