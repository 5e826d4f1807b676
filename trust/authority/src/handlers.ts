import { type Handlers, workloadId } from '@countersign/contract'
import type { authority as contract, Issued } from '@countersign/contract/platform'
import { type Permit, Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import { isJoinable } from './domain/token-book.ts'
import { toRefusal } from './errors.ts'
import type { Asker, Events } from './events.ts'
import type { Authority } from './issuing/authority.ts'
import type { IssueKind } from './issuing/issued-log.ts'
import { isTokenHash } from './token/token.ts'
import type { PeerSync } from './token/peer-sync.ts'

export interface HandlerParts {
  readonly authority: Authority
  readonly sync: PeerSync
  readonly events: Events
  readonly publicNames: readonly string[]
}

/** What the authority answers over the mesh. Names come from the certificate that the caller proved, never from a body. */
export function createHandlers(parts: HandlerParts): Handlers<typeof contract, Context> {
  const { authority, events, publicNames } = parts
  return {
    renew: ({ body, permit, requestId }) =>
      tell(events, { kind: 'renew', permit, requestId }, () =>
        authority.issue(provenName(permit, authority), body.csr),
      ),
    publicDoor: ({ body, permit, requestId }) =>
      tell(events, { kind: 'public-door', permit, requestId }, () =>
        authority.issuePublicDoor(provenName(permit, authority), body.csr, publicNames),
      ),
    bundle: () => ({ bundle: authority.bundle() }),
    mintToken: ({ body, permit, requestId }) =>
      refusing(() => mintToken(parts, body, { workload: permit.caller, requestId })),
    shareToken: async ({ params, body }) => {
      if (!isTokenHash(params.hash)) throw fieldRefusal('hash', 'is not the hash of a token')
      const { name, spent } = body
      const said = { name, expiresAt: Date.parse(body.expiresAt), spent }
      return await refusing(() => authority.tokens.learn(params.hash, said))
    },
  }
}

/** A token leaves only when it is on record; one that could not be recorded is used up at once. */
async function mintToken(
  { authority: { tokens }, sync, events }: HandlerParts,
  { name, ttlSeconds }: { name: string; ttlSeconds: number },
  asker: Asker,
): Promise<{ token: string; expiresAt: string }> {
  if (!isJoinable(name)) throw fieldRefusal('name', 'nobody joins under this name')
  const { token, hash, state } = await tokens.mint(name, ttlSeconds * 1_000)
  const expiresAt = new Date(state.expiresAt)
  try {
    await events.minted(name, expiresAt, asker)
  } catch (error) {
    await tokens.spend(hash)
    throw error
  }
  await sync.tell(hash, state)
  return { token, expiresAt: expiresAt.toISOString() }
}

/** The caller's name, which has to be the one that its SPIFFE id stands for. */
function provenName(permit: Permit, { trustDomain }: Authority): string {
  if (permit.callerId === workloadId(trustDomain, permit.caller)) return permit.caller
  throw new Refusal('PEER_UNKNOWN', { rule: 'the SPIFFE id of the caller is not that of its name' })
}

async function tell(
  events: Events,
  { kind, permit, requestId }: { kind: IssueKind; permit: Permit; requestId: string },
  issue: () => Promise<Issued>,
): Promise<Issued> {
  const asker = { workload: permit.caller, requestId }
  try {
    const issued = await issue()
    events.issued(kind, issued, asker)
    return issued
  } catch (error) {
    const refusal = toRefusal(error)
    events.refused(kind, refusal, asker)
    throw refusal
  }
}

async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw toRefusal(error)
  }
}

function fieldRefusal(field: string, message: string): Refusal {
  return new Refusal('BODY_INVALID', { errors: [{ field, message }] })
}
