import { type Log } from '@countersign/ground/telemetry'
import pg from 'pg'
import { DATABASE_PROBE_MS, DATABASE_TIMEOUT_MS, POOL_CONNECTIONS_MAX } from '../limits.ts'

/** The database, with its state of a moment ago. */
export interface Database {
  readonly pool: pg.Pool
  /** Whether the last probe was answered. */
  reachable(): boolean
  close(): Promise<void>
}

/** Opens the pool and probes it from time to time. Connects lazily; the first query tells whether it works. */
export function openDatabase(url: string, log: Log): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_CONNECTIONS_MAX,
    connectionTimeoutMillis: DATABASE_TIMEOUT_MS,
    statement_timeout: DATABASE_TIMEOUT_MS,
    idle_in_transaction_session_timeout: DATABASE_TIMEOUT_MS,
    application_name: 'countersign-identity',
  })
  // An idle connection that breaks is replaced at the next query; without a listener it would end the process.
  pool.on('error', (error) => log.warn({ err: error }, 'a database connection broke'))
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
