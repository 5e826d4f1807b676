import type { Witness } from '@countersign/contract/platform'
import type { User } from '../domain/user.ts'

/**
 * Keeps people.
 * Promises: durable on return; usernames are unique, in whatever process two inserts run; a replace is
 * atomic and happens only on the version it was made from. Safe to retry: what was inserted is `taken` the
 * second time, what was replaced is of another version. An id that is no UUID is an id that nobody has.
 */
export interface UserStore {
  insert(user: User): Promise<'inserted' | 'taken'>
  /** Puts `user` in the place of its version `user.version - 1`. False where that is not there. */
  replace(user: User): Promise<boolean>
  byId(id: string): Promise<User | undefined>
  byUsername(username: string): Promise<User | undefined>
  /** By username, ASCII in its order and other scripts in one that the store chooses and keeps; from after `after` on. */
  list(page: { readonly after?: string | undefined; readonly limit: number }): Promise<User[]>
  /** What the store said of itself, for the audit event. */
  readonly proof: Witness
  close(): Promise<void>
}
