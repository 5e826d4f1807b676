import type { KeyObject } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import { isServerName, isWildcardName, parseCsr, spkiOf } from '@countersign/ground/x509'
import { checkCsr } from '../domain/check-csr.ts'
import { checkServerCsr } from '../domain/check-server-csr.ts'
import { AuthorityError } from '../errors.ts'
import { SERVER_NAMES_MAX } from '../limits.ts'
import type { Subject } from './check-issued.ts'
import type { IssueRequest } from './issue-request.ts'
import { PROFILES } from './profiles.ts'

/*
 * What a request is for, if it is one that its profile allows:
 *
 * - the name was proven in a way that the profile takes, and may have such a certificate
 * - the request is signed by its own key, of an allowed kind and without a known weakness
 * - it asks for what its sender has proven, and for nothing more
 */
export interface Asked {
  readonly publicKey: KeyObject
  readonly subject: Subject
}

/** Throws `AuthorityError` CSR_REFUSED or PROFILE_REFUSED, or `X509Error`. */
export function readRequest(request: IssueRequest, trustDomain: string): Asked {
  const profile = PROFILES[request.profile]
  if (!profile.kinds.includes(request.kind) || !profile.allows(request.name)) {
    const wish = `${request.kind} of ${request.profile}`
    throw new AuthorityError('PROFILE_REFUSED', `there is no ${wish} for ${request.name}`)
  }
  const csr = parseCsr(request.csr, { keys: profile.keys })
  if (request.notThisKey?.equals(csr.publicKey) === true)
    throw refused('its key is that of the account')
  if (!hasLongPoint(csr.publicKey)) throw refused('the point of its key is not in its long form')
  const hosts = profile.subject === 'hosts' ? readHosts(request) : []
  const id = workloadId(trustDomain, request.name)
  const fault = profile.asks === 'id' ? checkCsr(csr, id) : checkServerCsr(csr, hosts)
  if (fault !== undefined) throw refused(fault)
  if (profile.subject === 'hosts') return { publicKey: csr.publicKey, subject: { hosts } }
  // For clients that can check no SPIFFE id; workloads never look at it.
  const hostNames = [`${request.name}.${trustDomain}`].filter(isServerName)
  return { publicKey: csr.publicKey, subject: { id, hosts: hostNames } }
}

/** A point has three spellings. Of one key there is one here: it is known again by the hash of its octets. */
function hasLongPoint(key: KeyObject): boolean {
  const coordinates = POINT_OCTETS[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (coordinates === undefined) return true
  const spki = spkiOf(key)
  return spki[spki.length - coordinates - 1] === 4 && spki.length > coordinates + 20
}
const POINT_OCTETS: Readonly<Record<string, number>> = { prime256v1: 64, secp384r1: 96 }

function readHosts({ names = [], profile }: IssueRequest): readonly string[] {
  const isHost = (name: string): boolean =>
    isServerName(name) || (PROFILES[profile].wildcards && isWildcardName(name))
  if (!(names.length >= 1 && names.length <= SERVER_NAMES_MAX))
    throw refused(`it is for ${names.length} names`)
  if (new Set(names).size !== names.length) throw refused('a name is there twice')
  if (!names.every(isHost)) throw refused('one of its names is not a host name')
  return names
}

function refused(why: string): AuthorityError {
  return new AuthorityError('CSR_REFUSED', why)
}
