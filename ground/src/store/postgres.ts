import { isIP } from 'node:net'
import type { Pool } from 'pg'
import { isNearby } from './nearby.ts'

/*
 * Opens PostgreSQL the one way that is allowed: over a unix socket or the loopback as it is, over any other
 * network with TLS whose certificate and host name are verified. What a URL says about TLS (`sslmode`) is
 * not asked: a URL cannot turn verification off.
 */
const CONNECTIONS_MAX = 10
const CONNECT_MS_MAX = 5_000
const STATEMENT_MS_MAX = 8_000
const IDLE_MS_MAX = 30_000

export interface PostgresOptions {
  /** `postgresql://user:password@host/database`; a host that begins with `/` is the folder of a unix socket. */
  readonly url: string
  /** PEM of the roots that sign the server's certificate; the system's roots where nothing is said. */
  readonly ca?: string | undefined
  readonly applicationName: string
  readonly connectionsMax?: number
  /** Told when an idle connection breaks. The pool makes a new one at the next query. */
  readonly onError?: (error: Error) => void
}

/** What the server and the connection said of themselves. Goes into audit events as it is. */
export interface PostgresProof {
  readonly engine: string
  readonly transport: string
  readonly role: string
  readonly database: string
}

/** Connects, proves the connection with a first query and hands over the pool. Rejects when the server cannot be had. */
export async function openPostgres(
  options: PostgresOptions,
): Promise<{ readonly pool: Pool; readonly proof: PostgresProof }> {
  const { default: pg } = await import('pg')
  const { host, port, user, password, database } = new pg.Client({ connectionString: options.url })
  const pool = new pg.Pool({
    host,
    port,
    ...(user === undefined ? {} : { user }),
    ...(password === undefined || password === null ? {} : { password }),
    ...(database === undefined ? {} : { database }),
    ssl: isNearby(host) ? false : verifiedTls(host, options.ca),
    application_name: options.applicationName,
    max: options.connectionsMax ?? CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: STATEMENT_MS_MAX,
    idle_in_transaction_session_timeout: STATEMENT_MS_MAX,
    query_timeout: STATEMENT_MS_MAX + 1_000,
    idleTimeoutMillis: IDLE_MS_MAX,
  })
  pool.on('error', (error) => options.onError?.(error))
  try {
    return { pool, proof: await prove(pool, host) }
  } catch (error) {
    await pool.end()
    throw error
  }
}

function verifiedTls(host: string, ca: string | undefined): Record<string, unknown> {
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca }),
  }
}

async function prove(pool: Pool, host: string): Promise<PostgresProof> {
  const { rows } = await pool.query<{
    role: string
    database: string
    version: string
    tls: string | null
  }>(
    `select current_user as role, current_database() as database,
            current_setting('server_version') as version,
            (select version from pg_stat_ssl where pid = pg_backend_pid() and ssl) as tls`,
  )
  const [row] = rows
  if (row === undefined) throw new Error('the database did not say who we are')
  return {
    engine: `PostgreSQL ${row.version.split(' ')[0]}`,
    transport: row.tls ?? (host.startsWith('/') ? 'unix socket' : 'loopback'),
    role: row.role,
    database: row.database,
  }
}
