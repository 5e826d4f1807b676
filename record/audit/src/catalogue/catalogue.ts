import { rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { AuditEvent } from '@countersign/contract/platform'
import { LogError } from '../errors.ts'
import { LOCK_TIMEOUT_MS, STATEMENTS_MAX } from '../limits.ts'
import { type Filter, queryOf } from './filter.ts'

/*
 * Where which events are in the log. It answers only with indexes: what an event says comes from the log itself.
 * It can be made anew from the log at any time. Its file is also the lock: one process at a time holds it, and the
 * system lets go of it when that process dies.
 */
const VERSION = 1
const SCHEMA = `
  CREATE TABLE events (
    idx INTEGER PRIMARY KEY, id TEXT NOT NULL, time INTEGER NOT NULL, service TEXT NOT NULL,
    action TEXT NOT NULL, user_id TEXT, user_name TEXT, status TEXT NOT NULL, kind TEXT NOT NULL, request_id TEXT
  ) STRICT;
  CREATE INDEX by_id ON events (id);
  CREATE INDEX by_request ON events (request_id) WHERE request_id IS NOT NULL;
  CREATE INDEX by_user ON events (user_id) WHERE user_id IS NOT NULL;
  CREATE INDEX by_user_name ON events (user_name) WHERE user_name IS NOT NULL;
  CREATE INDEX by_action ON events (action);
  CREATE INDEX by_service ON events (service);
  CREATE INDEX by_time ON events (time);
  CREATE INDEX alerts ON events (idx) WHERE kind = 'alert';
  PRAGMA user_version = ${VERSION};
`
const SQLITE_BUSY = 5

export class Catalogue {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #find: StatementSync
  readonly #statements = new Map<string, StatementSync>()
  #size: number

  /** Opens the catalogue, anew where the file is of no use. Throws `LogError` LOG_LOCKED where another process has it. */
  static open(path: string): Catalogue {
    try {
      return new Catalogue(path)
    } catch (error) {
      if ((error as { errcode?: unknown }).errcode === SQLITE_BUSY)
        throw new LogError('LOG_LOCKED', `another process has the audit log of ${path}`)
      for (const end of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${end}`, { force: true })
      return new Catalogue(path)
    }
  }

  private constructor(path: string) {
    this.#database = new DatabaseSync(path, { timeout: LOCK_TIMEOUT_MS })
    // A loss of power may take the last transactions back, never the file: the log has them all.
    this.#database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE; COMMIT',
    )
    const version = this.#database.prepare('PRAGMA user_version').get()?.user_version
    if (version !== VERSION) this.#database.exec(`DROP TABLE IF EXISTS events; ${SCHEMA}`)
    this.#insert = this.#database.prepare(
      'INSERT INTO events VALUES (:idx, :id, :time, :service, :action, :userId, :userName, :status, :kind, :requestId)',
    )
    this.#find = this.#database.prepare('SELECT idx FROM events WHERE id = ?')
    this.#size = this.#readSize()
  }

  /** It knows the entries from 0 up to but not including this one. */
  get size(): number {
    return this.#size
  }

  /** Adds entries, of which the first must be the next. All or none. */
  add(first: number, events: readonly AuditEvent[]): void {
    if (first !== this.#size) throw new Error(`broken invariant: ${first} follows ${this.#size}`)
    this.#database.exec('BEGIN')
    try {
      for (const [i, event] of events.entries()) this.#insert.run(rowOf(first + i, event))
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#database.exec('ROLLBACK')
      throw error
    }
    this.#size += events.length
  }

  /** Where the event of this id is. */
  find(id: string): number | undefined {
    return this.#find.get(id)?.idx as number | undefined
  }

  /** Indexes of the entries that the filter lets through. */
  query(filter: Filter, options: { limit: number; newestFirst?: boolean }): number[] {
    const { sql, values } = queryOf(filter, options.newestFirst === true)
    const rows = this.#prepare(sql).all({ ...values, limit: options.limit })
    return rows.map(({ idx }) => Number(idx))
  }

  clear(): void {
    this.#database.exec('DELETE FROM events')
    this.#size = 0
  }

  close(): void {
    this.#database.close()
  }

  #readSize(): number {
    const row = this.#database
      .prepare('SELECT max(idx) AS last, count(*) AS count FROM events')
      .get()
    const size = row?.last === null ? 0 : Number(row?.last) + 1
    if (size === row?.count) return size
    this.clear()
    return 0
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    if (this.#statements.size >= STATEMENTS_MAX) this.#statements.clear()
    const statement = this.#database.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }
}

function rowOf(idx: number, event: AuditEvent): Record<string, string | number | null> {
  return {
    idx,
    id: event.id,
    time: Date.parse(event.timestamp) || 0,
    service: event.serviceName,
    action: event.action,
    userId: event.userId,
    userName: event.user?.name ?? null,
    status: event.status,
    kind: event.event.kind,
    requestId: event.http?.request?.id ?? null,
  }
}
