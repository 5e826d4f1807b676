import type { Handlers } from '@countersign/contract'
import { type CacheSlot, isUuid, type ReadCache } from '@countersign/ground/store'
import { type Permit, Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import type { contract } from '../contract.ts'
import { type PublicUser, publicUser } from '../domain/user.ts'
import type { Passwords } from '../password/passwords.ts'
import type { UserStore } from '../user/user-store.ts'

/** What the handlers work with. */
export interface Parts {
  readonly store: UserStore
  readonly cache: ReadCache
  readonly passwords: Passwords
  readonly now: () => number
}
export type UserContext = Context<'user'>
export type UserHandlers = Handlers<typeof contract, UserContext>

export const cacheGroup = (id: string): string => `person:${id}`
const slot = (id: string): CacheSlot => ({ group: cacheGroup(id), key: 'public' })

/** What others may see of a person, from the cache or the store. Refusal NOT_FOUND where there is nobody. */
export async function readPublic(
  { store, cache }: Parts,
  id: string,
  context: Pick<UserContext, 'witness'>,
): Promise<PublicUser> {
  // An id that nobody has leaves no trace in the cache.
  if (!isUuid(id)) throw notFound()
  let seen = { hop: 'cache', engine: cache.engine } as Parameters<UserContext['witness']>[0]
  const user = await cache.read(slot(id), async () => {
    seen = store.proof
    const found = await store.byId(id)
    return found === undefined ? undefined : publicUser(found)
  })
  context.witness(seen)
  if (user === undefined) throw notFound()
  return user
}

/** Id of the person who asks. */
export function personId(permit: Permit): string {
  if (permit.person === undefined)
    throw new Refusal('TOKEN_MISSING', { rule: 'this endpoint works for a person' })
  return permit.person.id
}

export const notFound = (): Refusal => new Refusal('NOT_FOUND', { rule: 'nobody has this id' })
export const wrongField = (field: string, message: string): Refusal =>
  new Refusal('BODY_INVALID', { errors: [{ field, message }] })
