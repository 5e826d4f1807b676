import type { Handlers } from '@countersign/contract'
import type { authority as contract } from '@countersign/contract/platform'
import { Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import { isJoinable } from '../domain/token-book.ts'
import { toRefusal } from '../errors.ts'
import type { Asker, Events } from '../events.ts'
import type { JoinTokens } from './join-tokens.ts'
import type { PeerSync } from './peer-sync.ts'
import { isTokenHash } from './token.ts'

export interface TokenParts {
  readonly tokens: JoinTokens
  readonly sync: PeerSync
  readonly events: Events
}

/** What the authority answers over the mesh about join tokens. */
export function tokenHandlers(
  parts: TokenParts,
): Pick<Handlers<typeof contract, Context>, 'mintToken' | 'shareToken'> {
  return {
    mintToken: ({ body, permit, requestId }) =>
      refusing(() => mintToken(parts, body, { workload: permit.caller, requestId })),
    shareToken: async ({ params, body }) => {
      if (!isTokenHash(params.hash)) throw fieldRefusal('hash', 'is not the hash of a token')
      const { name, spent } = body
      const said = { name, expiresAt: Date.parse(body.expiresAt), spent }
      return await refusing(() => parts.sync.hear(params.hash, said))
    },
  }
}

/** A token leaves only when it is on record; one that could not be recorded is used up at once. */
async function mintToken(
  { tokens, sync, events }: TokenParts,
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
