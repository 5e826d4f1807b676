import { createHash } from 'node:crypto'
import type { Pool, PoolClient } from 'pg'
import { CodedError } from '../errors/index.ts'

/*
 * Brings a database to the shape that the code expects. Steps run in order, each once, all in one
 * transaction under an advisory lock: of several instances that start together one migrates and the others
 * wait, and a crash leaves either the old shape or the new.
 *
 * A step that has run must not change afterwards: its checksum is kept and compared. Steps that the database
 * has and this code has not came from a newer version, and are left alone.
 */
export interface Migration {
  /** `0001-orders`: unique, and sorted as the steps must run. */
  readonly name: string
  readonly sql: string
}

/** Runs what has not run yet; answers with the names of these steps. Throws CodedError MIGRATION_CHANGED or MIGRATION_ORDER. */
export async function migrate(pool: Pool, migrations: readonly Migration[]): Promise<string[]> {
  checkOrder(migrations)
  const client = await pool.connect()
  try {
    await client.query('begin')
    const ran = await runPending(client, migrations)
    await client.query('commit')
    return ran
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

async function runPending(client: PoolClient, migrations: readonly Migration[]): Promise<string[]> {
  await client.query(`select pg_advisory_xact_lock(hashtext('countersign migrations'))`)
  await client.query(`create table if not exists migrations (
    name text primary key, checksum text not null, ran_at timestamptz not null default now())`)
  const { rows } = await client.query<{ name: string; checksum: string }>(
    'select name, checksum from migrations',
  )
  const known = new Map(rows.map((row) => [row.name, row.checksum]))
  const ran: string[] = []
  for (const { name, sql } of migrations) {
    const checksum = createHash('sha256').update(sql).digest('hex')
    const before = known.get(name)
    if (before === checksum) continue
    if (before !== undefined)
      throw new CodedError(
        'MIGRATION_CHANGED',
        `the migration ${name} was changed after it had run`,
      )
    await client.query(sql)
    await client.query('insert into migrations (name, checksum) values ($1, $2)', [name, checksum])
    ran.push(name)
  }
  return ran
}

function checkOrder(migrations: readonly Migration[]): void {
  for (const [i, { name }] of migrations.entries()) {
    const before = migrations[i - 1]
    if (before !== undefined && !(before.name < name))
      throw new CodedError(
        'MIGRATION_ORDER',
        `the migration ${name} does not come after ${before.name}`,
      )
  }
}
