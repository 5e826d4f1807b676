import type { Change, Collection, Entity, KongState } from '@countersign/kong'
import { COLLECTIONS } from '@countersign/kong'
import { open, seal, type SealKey } from '@countersign/ground/seal'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { HISTORY_BYTES_MAX, VERSIONS_MAX } from '../limits.ts'
import { inTransaction, openDatabase } from './schema.ts'

/** Who makes a change: a person, or the platform itself. */
export interface Actor {
  readonly id: string
  readonly name: string
}
/** One change as it is kept. */
export interface Version {
  readonly version: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly actor: Actor
  readonly requestId: string
  /** `POST /services`, `roll back to 12` … */
  readonly what: string
}
export type NewVersion = Omit<Version, 'version'>

/**
 * Keeps the entities and their history. `commit` is durable on return, all of it or nothing; a crash leaves the old
 * state or the new one.
 */
export class ControlStore {
  readonly database: DatabaseSync
  readonly #key: SealKey

  /** Throws where another process has the folder, or the file was sealed with another key. */
  constructor(folder: string, key: SealKey) {
    this.database = openDatabase(join(folder, 'control.sqlite'))
    this.#key = key
  }

  load(): { readonly state: KongState; readonly version: number } {
    const state = new Map(COLLECTIONS.map((name) => [name, new Map<string, Entity>()]))
    for (const row of this.database.prepare('SELECT collection, id, body FROM entities').all()) {
      const [collection, id] = [String(row.collection), String(row.id)]
      const body = this.#open(String(row.body), `${collection} ${id}`)
      state.get(collection as Collection)?.set(id, body)
    }
    const last = this.database.prepare('SELECT max(version) AS last FROM versions').get()?.last
    return { state, version: Number(last ?? 0) }
  }

  /** Writes a change and its place in history; returns its number. */
  commit(changes: readonly Change[], made: NewVersion): number {
    const { database } = this
    return inTransaction(database, () => {
      const last = database.prepare('SELECT max(version) AS last FROM versions').get()?.last
      const version = Number(last ?? 0) + 1
      let bytes = 0
      for (const [seq, change] of changes.entries()) bytes += this.#write(version, seq, change)
      database
        .prepare('INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)')
        .run(version, made.at, made.actor.id, made.actor.name, made.requestId, made.what, bytes)
      this.#forget(version)
      return version
    })
  }

  /** Newest first, below `before`. */
  history(limit: number, before = Number.MAX_SAFE_INTEGER): readonly Version[] {
    return this.database
      .prepare('SELECT * FROM versions WHERE version < ? ORDER BY version DESC LIMIT ?')
      .all(before, limit)
      .map((row) => ({
        version: Number(row.version),
        at: Number(row.at),
        actor: { id: String(row.actor), name: String(row.actor_name) },
        requestId: String(row.request_id),
        what: String(row.what),
      }))
  }
  /** The oldest version whose changes are still known. */
  get oldest(): number {
    return Number(
      this.database.prepare('SELECT min(version) AS first FROM versions').get()?.first ?? 0,
    )
  }
  changesOf(version: number): readonly Change[] {
    const rows = this.database
      .prepare('SELECT * FROM changes WHERE version = ? ORDER BY seq')
      .all(version)
    return rows.map((row) => {
      const place = `${version} ${String(row.collection)} ${String(row.id)}`
      const read = (side: 'before' | 'after'): Entity | undefined =>
        row[side] === null ? undefined : this.#open(String(row[side]), `${side} ${place}`)
      return {
        collection: String(row.collection) as Collection,
        id: String(row.id),
        before: read('before'),
        after: read('after'),
      }
    })
  }

  close(): void {
    this.database.close()
  }

  #write(version: number, seq: number, { collection, id, before, after }: Change): number {
    const { database } = this
    const place = `${version} ${collection} ${id}`
    const old = before === undefined ? null : this.#seal(before, `before ${place}`)
    const made = after === undefined ? null : this.#seal(after, `after ${place}`)
    database
      .prepare('INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)')
      .run(version, seq, collection, id, old, made)
    if (after === undefined)
      database.prepare('DELETE FROM entities WHERE collection = ? AND id = ?').run(collection, id)
    else
      database
        .prepare('INSERT OR REPLACE INTO entities VALUES (?, ?, ?)')
        .run(collection, id, this.#seal(after, `${collection} ${id}`))
    return (old?.length ?? 0) + (made?.length ?? 0)
  }

  /** The oldest versions go, but never the one just made. */
  #forget(newest: number): void {
    const { database } = this
    const kept = database
      .prepare(
        `SELECT min(version) AS first FROM (
           SELECT version, sum(bytes) OVER (ORDER BY version DESC) AS held FROM versions WHERE version > ?
         ) WHERE held <= ?`,
      )
      .get(newest - VERSIONS_MAX, HISTORY_BYTES_MAX)?.first
    const first = Math.min(Number(kept ?? newest), newest)
    database.prepare('DELETE FROM changes WHERE version < ?').run(first)
    database.prepare('DELETE FROM versions WHERE version < ?').run(first)
  }

  #seal(entity: Entity, place: string): string {
    return seal(this.#key, JSON.stringify(entity), `gateway ${place}`)
  }
  #open(body: string, place: string): Entity {
    return JSON.parse(open(this.#key, body, `gateway ${place}`).toString('utf8')) as Entity
  }
}
