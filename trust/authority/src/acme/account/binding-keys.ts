import type { KeyObject } from 'node:crypto'
import { messageOf } from '@countersign/ground/errors'
import { deriveKey, open, type SealKey, seal } from '@countersign/ground/seal'
import type { Log } from '@countersign/ground/telemetry'
import { z } from 'zod'
import type { SyncTopic } from '../../peers/topic.ts'
import type { Store } from '../../store/store.ts'
import { KEYS_MAX } from '../limits.ts'
import { AcmeProblem } from '../problem.ts'
import { randomWord } from './random-word.ts'

/*
 * Keys with which strangers show that the operator sent them (external account binding, RFC 8555, 7.3.4). A MAC has
 * to be recomputed, so the secret is kept, sealed under the master key and for its id alone.
 *
 * A key is good for one account at each authority. Authorities tell each other of their keys, still sealed: who does
 * not have the same master key cannot use them, and says so in its log.
 */
export interface BindingKey {
  readonly id: string
  readonly label: string
  readonly names: readonly string[] | undefined
  readonly expiresAt: number
}

const sharedSchema = z.strictObject({
  id: z.string().regex(/^[A-Za-z0-9_-]{22}$/),
  label: z.string().max(64),
  names: z.array(z.string().max(253)).max(64).nullable(),
  sealed: z.string().max(1_024),
  createdAt: z.int().nonnegative(),
  expiresAt: z.int().nonnegative(),
})
type Shared = z.infer<typeof sharedSchema>
interface Row {
  id: string
  label: string
  names: string | null
  sealed: string
  created_at: number
  expires_at: number
  account: string | null
}

export interface BindingKeysOptions {
  readonly store: Store
  readonly masterKey: KeyObject
  readonly now: () => number
  readonly log: Log
}

export class BindingKeys {
  readonly topic: SyncTopic
  readonly #options: BindingKeysOptions
  readonly #sealKey: SealKey
  readonly #listeners = new Set<() => void>()

  constructor(options: BindingKeysOptions) {
    this.#options = options
    this.#sealKey = deriveKey(options.masterKey, 'acme account binding keys')
    this.topic = {
      name: 'acme-keys',
      say: () => this.#live().map(toShared),
      hear: (said) => this.#hear(said),
      onChange: (listener) => {
        this.#listeners.add(listener)
        return () => void this.#listeners.delete(listener)
      },
    }
  }

  /** Makes a key. The secret is seen here once. Throws `AcmeProblem` rateLimited where there are too many unused ones. */
  async create(wanted: {
    label: string
    names: readonly string[] | undefined
    lifetimeMs: number
  }): Promise<BindingKey & { secret: Buffer }> {
    const secret = randomWord(32)
    const id = randomWord(16).toString('base64url')
    const now = this.#options.now()
    const { label, names } = wanted
    const expiresAt = now + wanted.lifetimeMs
    const sealed = seal(this.#sealKey, secret, placeOf(id))
    await this.#options.store.write(() => {
      if (this.#live().length >= KEYS_MAX) throw tooManyKeys()
      this.#insert({ id, label, names: names?.slice() ?? null, sealed, createdAt: now, expiresAt })
    })
    this.#told()
    return { id, label, names, expiresAt, secret }
  }

  /** The secret of a key that no account was bound with here. */
  secretOf(id: string): Buffer | undefined {
    const row = this.#find(id)
    if (row === undefined || row.account !== null) return undefined
    try {
      return open(this.#sealKey, row.sealed, placeOf(id))
    } catch (error) {
      const why = messageOf(error)
      this.#options.log.warn({ keyId: id, why }, 'a binding key does not open with our master key')
      return undefined
    }
  }

  /** Binds a key to an account, within a `write`. Throws `AcmeProblem` where another was faster. */
  bind(id: string, account: string): BindingKey {
    const row = this.#find(id)
    if (row === undefined || row.account !== null)
      throw new AcmeProblem('unauthorized', 'the external account binding does not hold')
    const { db } = this.#options.store
    db.prepare('UPDATE acme_keys SET account = ? WHERE id = ?').run(account, id)
    return { id, label: row.label, names: parseNames(row), expiresAt: row.expires_at }
  }

  #find(id: string): Row | undefined {
    const sql = 'SELECT * FROM acme_keys WHERE id = ? AND expires_at > ?'
    const row = this.#options.store.db.prepare(sql).get(id, this.#options.now())
    return row as unknown as Row | undefined
  }

  #live(): Row[] {
    const sql = 'SELECT * FROM acme_keys WHERE expires_at > ? ORDER BY id LIMIT ?'
    const rows = this.#options.store.db.prepare(sql).all(this.#options.now(), KEYS_MAX)
    return rows as unknown as Row[]
  }

  #insert(key: Shared): void {
    const sql = `INSERT INTO acme_keys (id, label, names, sealed, created_at, expires_at)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`
    const names = key.names === null ? null : JSON.stringify(key.names)
    this.#options.store.db
      .prepare(sql)
      .run(key.id, key.label, names, key.sealed, key.createdAt, key.expiresAt)
  }

  async #hear(said: unknown): Promise<void> {
    const keys = z.array(sharedSchema).max(KEYS_MAX).parse(said)
    const known = new Set(this.#live().map(({ id }) => id))
    const now = this.#options.now()
    const news = keys.filter(({ id, expiresAt }) => !known.has(id) && expiresAt > now)
    if (news.length === 0) return
    const room = Math.max(0, KEYS_MAX - known.size)
    await this.#options.store.write(() => {
      for (const key of news.slice(0, room)) this.#insert(key)
    })
    this.#told()
  }

  #told(): void {
    for (const listener of this.#listeners) listener()
  }
}

function placeOf(id: string): string {
  return `acme account binding key ${id}`
}
function parseNames({ names }: Row): readonly string[] | undefined {
  return names === null ? undefined : (JSON.parse(names) as string[])
}
function toShared(row: Row): Shared {
  return {
    ...{ id: row.id, label: row.label, names: parseNames(row)?.slice() ?? null },
    ...{ sealed: row.sealed, createdAt: row.created_at, expiresAt: row.expires_at },
  }
}
function tooManyKeys(): AcmeProblem {
  return new AcmeProblem('rateLimited', `there are ${KEYS_MAX} keys that have not expired`)
}
