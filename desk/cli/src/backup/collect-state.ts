import { lstat, readdir, readFile } from 'node:fs/promises'
import { arch, platform } from 'node:os'
import { join } from 'node:path'
import { DeskError } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { STATE_VERSION } from '../limits.ts'
import type { Packed } from './entries.ts'

/*
 * What of a state folder goes into a backup: all of it, but not what is made anew at each start (identities of
 * workloads and their keys, logs, addresses, caches), what other programs rebuild, and what must not come back: the
 * list of join tokens, so that none of them is good after a restore, whether it was spent since or not.
 */
const LEFT_OUT: readonly RegExp[] = [
  /^redis\//,
  /^run\/(logs|identities)\//,
  /^run\/(supervisor\.json.*|mesh\.json|prometheus\.yml)$/,
  /^postgres\/(run$|run\/|postgres\.log$|postgres-)/,
  /^postgres\/data\/(postmaster\.(pid|opts)|pg_stat_tmp\/.*|pgsql_tmp.*)$/,
  /^dynamo\/(dynamo\.(log|pid)|data\/LOCK)$/,
  /^pki\/[^/]+\/(tokens\.jsonl|bootstrap\.json)$/,
  /^(?!postgres\/).*-shm$/,
  /\.[0-9a-f]{12}\.tmp$/,
]
const POSTGRES_DATA = 'postgres/data'

/** All entries of a state, the `state` first. Nothing may run on it. `postgresData`: where that lies, if there is any. */
export async function* collectState(
  layout: Layout,
  postgresData: string | undefined,
): AsyncGenerator<Packed> {
  const postgres = postgresData === undefined ? null : await majorOf(postgresData)
  yield {
    entry: {
      type: 'state',
      stateVersion: STATE_VERSION,
      platform: platform(),
      arch: arch(),
      postgres,
    },
  }
  yield* walk(layout.root, '')
  if (postgresData === undefined) return
  yield await folderEntry(postgresData, POSTGRES_DATA)
  yield* walk(postgresData, POSTGRES_DATA)
}

async function* walk(folder: string, prefix: string): AsyncGenerator<Packed> {
  for (const name of (await readdir(folder)).sort()) {
    const path = prefix === '' ? name : `${prefix}/${name}`
    const source = join(folder, name)
    // Where root runs it, this is a link to a place that only PostgreSQL can enter.
    if (path === POSTGRES_DATA || LEFT_OUT.some((pattern) => pattern.test(path))) continue
    const found = await lstat(source)
    if (found.isDirectory()) {
      yield await folderEntry(source, path)
      yield* walk(source, path)
    } else if (found.isFile()) {
      const { mode, size } = found
      yield { entry: { type: 'file', path, mode: mode & 0o777, size }, source }
    } else if (found.isSymbolicLink()) {
      throw new DeskError(
        'ENVIRONMENT',
        `${source} is a link; what it leads to cannot be backed up`,
      )
    }
    // What else there is are sockets, which are made anew.
  }
}

async function folderEntry(source: string, path: string): Promise<Packed> {
  const { mode } = await lstat(source)
  return { entry: { type: 'folder', path, mode: mode & 0o777 } }
}

async function majorOf(data: string): Promise<number> {
  return Number.parseInt(await readFile(join(data, 'PG_VERSION'), 'utf8'), 10)
}
