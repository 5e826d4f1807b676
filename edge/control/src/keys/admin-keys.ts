import { createHash, randomBytes } from 'node:crypto'
import {
  ADMIN_KEY_BYTES,
  ADMIN_KEY_MS,
  ADMIN_KEYS_MAX,
  ADMIN_KEYS_PER_PERSON_MAX,
} from '../limits.ts'
import type { Actor, ControlStore } from '../store/control-store.ts'
import { inTransaction } from '../store/schema.ts'

/*
 * Keys for the Admin API: 256 random bits, one person's, for a working day. Kept is only the hash; since a key is random, a
 * plain hash tells nothing of it, and finding it by its hash leaks nothing by time.
 */
const PREFIX = 'csa_'
const KEY = /^csa_[A-Za-z0-9_-]{43}$/

export interface AdminKey {
  readonly key: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
}

export class AdminKeys {
  readonly #store: ControlStore
  constructor(store: ControlStore) {
    this.#store = store
  }

  mint(person: Actor, now: number): AdminKey {
    const key = `${PREFIX}${randomBytes(ADMIN_KEY_BYTES).toString('base64url')}`
    const expiresAt = now + ADMIN_KEY_MS
    const { database } = this.#store
    inTransaction(database, () => {
      database.prepare('DELETE FROM admin_keys WHERE expires_at <= ?').run(now)
      database
        .prepare('INSERT INTO admin_keys VALUES (?, ?, ?, ?, ?)')
        .run(hashOf(key), person.id, person.name, now, expiresAt)
      this.#bound('person = ?1', person.id, ADMIN_KEYS_PER_PERSON_MAX)
      this.#bound('?1 = ?1', '', ADMIN_KEYS_MAX)
    })
    return { key, expiresAt }
  }

  /** Whose key this is; `undefined` for one that is not known or has run out. */
  find(key: string, now: number): Actor | undefined {
    if (!KEY.test(key)) return undefined
    const row = this.#store.database
      .prepare('SELECT person, name FROM admin_keys WHERE hash = ? AND expires_at > ?')
      .get(hashOf(key), now)
    return row === undefined ? undefined : { id: String(row.person), name: String(row.name) }
  }

  /** Who holds keys. */
  holders(now: number): readonly Actor[] {
    return this.#store.database
      .prepare('SELECT DISTINCT person, name FROM admin_keys WHERE expires_at > ?')
      .all(now)
      .map((row) => ({ id: String(row.person), name: String(row.name) }))
  }

  /** Ends keys: one person's, or all. Says how many there were. */
  revoke(person?: string): number {
    const { database } = this.#store
    const { changes } =
      person === undefined
        ? database.prepare('DELETE FROM admin_keys').run()
        : database.prepare('DELETE FROM admin_keys WHERE person = ?').run(person)
    return Number(changes)
  }

  #bound(which: string, value: string, max: number): void {
    this.#store.database
      .prepare(
        `DELETE FROM admin_keys WHERE hash IN (
           SELECT hash FROM admin_keys WHERE ${which} ORDER BY minted_at DESC, hash LIMIT -1 OFFSET ${max}
         )`,
      )
      .run(value)
  }
}

const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex')
