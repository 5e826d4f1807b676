import { type Handlers, workloadId } from '@countersign/contract'
import type { CertificateView, authority as contract, Issued } from '@countersign/contract/platform'
import { type Permit, Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import { toRefusal } from '../errors.ts'
import type { Events } from '../events.ts'
import type { Authority } from './authority.ts'
import type { IssueRequest } from './issue-request.ts'
import type { IssuedFilter } from './issued-reader.ts'
import type { IssuedRecord } from './issued-record.ts'
import type { Revocations } from './ports.ts'
import { profileOf } from './profiles.ts'

export interface IssuingParts {
  readonly authority: Authority
  readonly revocations: Revocations
  readonly events: Events
  /** Host names of the public door. */
  readonly publicNames: readonly string[]
  /** What a chain of the public door ends with, for clients that know only the root before this one. PEM. */
  readonly cross?: () => string
  readonly now?: () => number
}

/** What the authority answers over the mesh about certificates. Names come from the certificate that the caller proved, never from a body. */
export function issuingHandlers(
  parts: IssuingParts,
): Pick<Handlers<typeof contract, Context>, 'renew' | 'publicDoor' | 'bundle' | 'certificates'> {
  const { authority, publicNames } = parts
  return {
    renew: ({ body, permit, requestId }) =>
      issue(parts, { permit, requestId }, (name) => ({
        ...{ profile: profileOf(name), kind: 'renew', name, csr: body.csr },
        renews: provenCertificate(permit),
      })),
    publicDoor: async ({ body, permit, requestId }) => {
      const issued = await issue(parts, { permit, requestId }, (name) => ({
        ...{ profile: 'public-door', kind: 'public-door', name, csr: body.csr },
        names: publicNames,
      }))
      return { ...issued, chain: issued.chain + (parts.cross?.() ?? '') }
    },
    bundle: () => authority.bundle(),
    certificates: ({ query }) => ({ certificates: listCertificates(parts, query) }),
  }
}

async function issue(
  { authority, events }: IssuingParts,
  { permit, requestId }: { permit: Permit; requestId: string },
  wish: (name: string) => IssueRequest,
): Promise<Issued> {
  const asker = { workload: permit.caller, requestId }
  let kind: IssueRequest['kind'] = 'renew'
  try {
    const request = wish(provenName(permit, authority))
    kind = request.kind
    const issued = await authority.issue({ ...request, asker: permit.caller })
    events.issued(kind, issued, asker)
    return issued
  } catch (error) {
    const refusal = toRefusal(error)
    events.refused(kind, refusal, asker)
    throw refusal
  }
}

/** The caller's name, which has to be the one that its SPIFFE id stands for. */
function provenName(permit: Permit, { trustDomain }: Authority): string {
  if (permit.callerId === workloadId(trustDomain, permit.caller)) return permit.caller
  throw new Refusal('PEER_UNKNOWN', { rule: 'the SPIFFE id of the caller is not that of its name' })
}

/** Which certificate is renewed. Another authority may have made it, so only the certificate itself can say. */
function provenCertificate({ callerSerial, callerLineage }: Permit): IssueRequest['renews'] & {} {
  if (callerSerial !== undefined) return { serial: callerSerial, lineage: callerLineage }
  throw new Refusal('PEER_UNKNOWN', { rule: 'the certificate of the caller has no serial' })
}

type Wanted = Pick<IssuedFilter, 'serial' | 'lineage' | 'name' | 'kind' | 'limit'> & {
  readonly state?: 'valid' | 'all' | undefined
}

function listCertificates(
  { authority, revocations, now = Date.now }: IssuingParts,
  { state, name, ...others }: { [K in keyof Wanted]: Wanted[K] | undefined },
): CertificateView[] {
  const filter = {
    ...others,
    ...(name === undefined ? {} : { name: storedName(name, authority.trustDomain) }),
    ...(state === 'valid' ? { validAt: now() } : {}),
  } as IssuedFilter
  return authority.issued
    .list(filter)
    .map((record) => toView(record, authority.instance, revocations))
    .filter(({ revokedAt }) => state !== 'valid' || revokedAt === undefined)
}

/** Short names of workloads are known by their SPIFFE ids. */
function storedName(name: string, trustDomain: string): string {
  return /^[a-z][a-z0-9-]{0,62}$/.test(name) ? workloadId(trustDomain, name) : name
}

function toView(record: IssuedRecord, instance: string, revocations: Revocations): CertificateView {
  const { serial, lineage, name, kind, issuer, notBefore, notAfter, claimedBy } = record
  const revoked = revocations.has({ serial, lineage })
  const revokedAt = revoked ? (revocations.find?.({ serial, lineage })?.at ?? notBefore) : undefined
  return {
    ...{ serial, lineage, name: name.slice(0, 8_192), kind, authority: instance, issuer },
    ...{ notBefore, notAfter },
    ...(claimedBy === undefined ? {} : { usedBy: claimedBy }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
  }
}
