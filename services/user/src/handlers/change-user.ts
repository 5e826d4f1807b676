import { Refusal } from '@countersign/layers'
import { changed, locksOut, type User } from '../domain/user.ts'
import { CHANGE_TRIES_MAX } from '../limits.ts'
import { cacheGroup, notFound, type Parts } from './parts.ts'

export const conflict = (): Refusal =>
  new Refusal('CONFLICT', {
    detail: 'The person was changed by somebody else meanwhile. Read it again.',
    rule: 'a change is made to the version that was read',
  })

/**
 * Changes a person, and what caches know of it. With `version` only that version is changed; without it the
 * change holds for any version, and is tried again where another change came between.
 */
export async function changeUser(
  { store, cache }: Parts,
  actorId: string,
  wanted: { id: string; version?: number; changes: Partial<Pick<User, 'disabled' | 'roles'>> },
): Promise<User> {
  for (let tries = 0; tries < CHANGE_TRIES_MAX; tries++) {
    const user = await store.byId(wanted.id)
    if (user === undefined) throw notFound()
    if (wanted.version !== undefined && wanted.version !== user.version) throw conflict()
    if (locksOut(actorId, user, wanted.changes)) throw lockedOut()
    const next = changed(user, wanted.changes)
    if (await store.replace(next)) {
      await cache.forget([cacheGroup(user.id)])
      return next
    }
  }
  throw conflict()
}

const lockedOut = (): Refusal =>
  new Refusal('CONFLICT', {
    detail: 'Nobody takes their own admin role away or closes their own account.',
    rule: 'an admin cannot lock themselves out',
    remedy: 'let another admin do it',
  })
