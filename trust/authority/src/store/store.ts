import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { requirePrivate } from '../keys/check-modes.ts'
import { SCHEMA } from './schema.ts'

/*
 * What one authority knows, in one SQLite file of its own (`authority.db`, mode 0600).
 *
 * - a write is durable when its promise resolves: write-ahead log, synced at each commit
 * - writes that are asked for in the same turn of the event loop are committed, and synced, together
 * - each of them is a savepoint: one that throws takes back its own changes, and no other's
 * - a crash leaves whole writes only
 *
 * Reads go straight to `db`: they see what is committed, and within a write what it has done so far.
 */
export interface Store {
  readonly db: DatabaseSync
  /** Runs `work`, which must not wait for anything. Rejects with what it throws; then nothing of it was done. */
  write<T>(work: () => T): Promise<T>
  close(): Promise<void>
}

interface Queued {
  readonly work: () => unknown
  readonly resolve: (value: any) => void
  readonly reject: (error: unknown) => void
}

/**
 * Opens the store of one authority; makes or migrates it. Throws `AuthorityError` MODES_TOO_WIDE where others may read
 * it, and what SQLite throws for a file that is none of ours.
 */
export function openStore(folder: string): Store {
  const path = join(folder, 'authority.db')
  // Made with its mode before SQLite sees it: the log beside it takes the mode over.
  closeSync(openSync(path, 'a', 0o600))
  requirePrivate([path, `${path}-wal`, `${path}-shm`])
  const db = new DatabaseSync(path)
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  migrate(db)
  return new SqliteStore(db)
}

class SqliteStore implements Store {
  readonly db: DatabaseSync
  #queue: Queued[] = []
  #closed = false

  constructor(db: DatabaseSync) {
    this.db = db
  }

  write<T>(work: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('the store is closed'))
    return new Promise<T>((resolve, reject) => {
      if (this.#queue.length === 0) setImmediate(() => this.#flush())
      this.#queue.push({ work, resolve, reject })
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.db.close()
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    if (queue.length === 0) return
    const settle: (() => void)[] = []
    try {
      this.db.exec('BEGIN IMMEDIATE')
      for (const queued of queue) settle.push(this.#run(queued))
      this.db.exec('COMMIT')
    } catch (error) {
      if (this.db.isTransaction) this.db.exec('ROLLBACK')
      for (const { reject } of queue) reject(error)
      return
    }
    for (const each of settle) each()
  }

  #run({ work, resolve, reject }: Queued): () => void {
    this.db.exec('SAVEPOINT one')
    try {
      const value = work()
      this.db.exec('RELEASE one')
      return () => resolve(value)
    } catch (error) {
      this.db.exec('ROLLBACK TO one; RELEASE one')
      return () => reject(error)
    }
  }
}

/** Each entry of `SCHEMA` is applied once, in order; the file remembers how many were. */
function migrate(db: DatabaseSync): void {
  const { user_version: applied } = db.prepare('PRAGMA user_version').get() as {
    user_version: number
  }
  if (applied > SCHEMA.length)
    throw new Error('the store was written by a newer version of countersign')
  for (const [i, sql] of SCHEMA.entries()) {
    if (i < applied) continue
    db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${i + 1}; COMMIT`)
  }
}
