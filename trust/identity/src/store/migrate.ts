import { createHash } from 'node:crypto'
import { CodedError } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { Pool, PoolClient } from 'pg'
import type { Migration } from './migrations.ts'

/** Any number will do, as long as nobody else locks it in this database. */
const LOCK = 7_043_111_905

/**
 * Brings the schema up to date, once, however many processes start together.
 * Throws `CodedError` MIGRATION_CHANGED where an applied step is not the one in this release, and
 * MIGRATION_UNKNOWN where the database is ahead of it.
 */
export async function migrate(
  pool: Pool,
  migrations: readonly Migration[],
  log: Log,
): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('SELECT pg_advisory_lock($1)', [LOCK])
    try {
      await applyMissing(client, migrations, log)
    } finally {
      await client.query('SELECT pg_advisory_unlock($1)', [LOCK])
    }
    client.release()
  } catch (error) {
    // A connection in an unknown state is not given back; the lock goes with it.
    client.release(true)
    throw error
  }
}

async function applyMissing(
  client: PoolClient,
  migrations: readonly Migration[],
  log: Log,
): Promise<void> {
  await client.query(
    `CREATE TABLE IF NOT EXISTS schema_migration (
       name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
  )
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'SELECT name, checksum FROM schema_migration',
  )
  const applied = new Map(rows.map((row) => [row.name, row.checksum]))
  const unknown = rows.find((row) => !migrations.some((each) => each.name === row.name))
  if (unknown !== undefined) {
    throw new CodedError(
      'MIGRATION_UNKNOWN',
      `the database has the migration "${unknown.name}", which this release does not know`,
    )
  }
  for (const migration of migrations) {
    const known = applied.get(migration.name)
    if (known === undefined) await apply(client, migration, log)
    else if (known !== checksum(migration)) {
      throw new CodedError(
        'MIGRATION_CHANGED',
        `the migration "${migration.name}" was changed after it was applied`,
      )
    }
  }
}

async function apply(client: PoolClient, migration: Migration, log: Log): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query(migration.sql)
    await client.query('INSERT INTO schema_migration (name, checksum) VALUES ($1, $2)', [
      migration.name,
      checksum(migration),
    ])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
  log.info({ migration: migration.name }, 'migration applied')
}

function checksum({ sql }: Migration): string {
  return createHash('sha256').update(sql).digest('hex')
}
