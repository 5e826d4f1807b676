import type { Log } from '@countersign/ground/telemetry'
import { migrate, openPostgres } from '@countersign/ground/store'
import type { Pool } from 'pg'
import { DATABASE_PROBE_MS, POOL_CONNECTIONS_MAX } from '../limits.ts'
import { migrations } from './migrations.ts'

/** The database, with its state of a moment ago. */
export interface Database {
  readonly pool: Pool
  /** Whether the last probe was answered. */
  reachable(): boolean
  close(): Promise<void>
}

/** Opens the database and brings its schema up to date. Rejects when it cannot be had. */
export async function openDatabase(options: {
  readonly url: string
  /** PEM of the roots of a server that is not on this machine. */
  readonly ca?: string | undefined
  readonly log: Log
}): Promise<Database> {
  const { url, ca, log } = options
  const { pool, proof } = await openPostgres({
    ...{ url, ca },
    applicationName: 'countersign-identity',
    connectionsMax: POOL_CONNECTIONS_MAX,
    onError: (error) => log.warn({ err: error }, 'a database connection broke'),
  })
  try {
    const ran = await migrate(pool, migrations)
    log.info({ ...proof, migrations: ran }, 'the database is open')
  } catch (error) {
    await pool.end()
    throw error
  }
  return watched(pool, log)
}

function watched(pool: Pool, log: Log): Database {
  let reachable = true
  const probe = setInterval(async () => {
    try {
      await pool.query('SELECT 1')
      reachable = true
    } catch (error) {
      if (reachable) log.error({ err: error }, 'the database does not answer')
      reachable = false
    }
  }, DATABASE_PROBE_MS)
  probe.unref()
  return {
    pool,
    reachable: () => reachable,
    async close() {
      clearInterval(probe)
      await pool.end()
    },
  }
}
