import { DatabaseSync } from 'node:sqlite'
import { LOCK_TIMEOUT_MS } from '../limits.ts'

/*
 * Entities as they are, and how they came to be so. Bodies are sealed as a whole: a copy of the file tells how many
 * entities of which kind there are, and when they changed.
 *
 * - `entities` is the newest state; `versions` has one row for each change, `changes` what that change was made of
 * - the newest version stays, however old, so that its number never comes back
 */
const VERSION = 1
const SCHEMA = `
  CREATE TABLE entities (
    collection TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (collection, id)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE versions (
    version INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, actor_name TEXT NOT NULL,
    request_id TEXT NOT NULL, what TEXT NOT NULL, bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE changes (
    version INTEGER NOT NULL, seq INTEGER NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
    before TEXT, after TEXT, PRIMARY KEY (version, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE admin_keys (
    hash TEXT PRIMARY KEY, person TEXT NOT NULL, name TEXT NOT NULL, minted_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${VERSION};
`

/** Opens the database, made where there is none. Its file is also the lock: one process at a time has it. */
export function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: LOCK_TIMEOUT_MS })
  try {
    // Durable when a change is answered: gateways and people act on it.
    database.exec(
      'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; BEGIN IMMEDIATE; COMMIT',
    )
    const found = database.prepare('PRAGMA user_version').get()?.user_version
    if (found === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT`)
    else if (found !== VERSION)
      throw new Error(`${path} is of version ${String(found)}, not ${VERSION}`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** All or nothing. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
