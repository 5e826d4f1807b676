import { execFile } from 'node:child_process'
import { createConnection } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import { type Engine, EngineError } from '../engine.ts'
import { openEngineLog } from '../engine-log.ts'
import { type Guarded, startGuarded } from '../guarded-process.ts'
import {
  POLL_MS,
  REDIS_CLIENTS_MAX,
  REDIS_MEMORY_MB,
  START_MS_MAX,
  VERSION_MS_MAX,
} from '../limits.ts'
import { prepareSocket, privateFolder } from '../private-folder.ts'
import { stopStale } from '../stop-stale.ts'
import { aclFile, type RedisUser } from './acl.ts'

const run = promisify(execFile)

export interface Redis extends Engine {
  /** Where it listens; differs from the wanted path where that was too long for a socket. */
  readonly socketPath: string
}
/** What the table of parts says where there is no Redis. */
export const NO_REDIS = 'in-process: redis-server is not on the PATH'

/**
 * Starts the `redis-server` of the PATH on a unix socket, without TCP, with one user for each client.
 * Nothing is kept on disk: it holds counters and copies only. Undefined where there is no `redis-server`.
 */
export async function startRedis(options: {
  folder: string
  socketPath: string
  users: readonly RedisUser[]
  log: Log
}): Promise<Redis | undefined> {
  const found = await findServer()
  if (found === undefined) return undefined
  const folder = await privateFolder(resolve(options.folder))
  const socketPath = await prepareSocket(options.socketPath)
  const pidFile = join(folder, 'redis.pid')
  await stopStale({ pidFile, folder, signals: ['SIGTERM'], log: options.log })
  await writeFileAtomic(join(folder, 'users.acl'), aclFile(options.users))
  const config = join(folder, 'redis.conf')
  await writeFileAtomic(config, configFile(folder, socketPath))
  const log = await openEngineLog(folder, 'redis')
  const server = startGuarded({
    command: found.path,
    args: [config],
    cwd: folder,
    log,
    signals: ['SIGTERM'],
  })
  if (!(await answers(server, socketPath))) {
    const tail = log.tail()
    await server.stop()
    log.close()
    throw new EngineError(`redis-server does not start in ${folder}; its log ends:\n${tail}`)
  }
  void server.exited.then(() => log.close())
  options.log.info({ pid: server.pid, version: found.version }, 'Redis is ready')
  return {
    name: 'redis',
    version: found.version,
    why: `redis-server ${found.version} found on the PATH`,
    pid: server.pid,
    exited: server.exited,
    socketPath,
    stop: () => server.stop(),
  }
}

async function findServer(): Promise<{ path: string; version: string } | undefined> {
  try {
    const { stdout: path } = await run('/bin/sh', ['-c', 'command -v redis-server'])
    const { stdout } = await run(path.trim(), ['--version'], { timeout: VERSION_MS_MAX })
    const version = /v=([0-9.]+)/.exec(stdout)?.[1]
    return version === undefined ? undefined : { path: path.trim(), version }
  } catch {
    return undefined
  }
}

/** One quoted value a line, as redis.conf wants it. */
function configFile(folder: string, socketPath: string): string {
  const settings: readonly (readonly [string, string])[] = [
    ['port', '0'],
    ['unixsocket', socketPath],
    ['unixsocketperm', '700'],
    ['aclfile', join(folder, 'users.acl')],
    ['dir', folder],
    ['pidfile', join(folder, 'redis.pid')],
    ['daemonize', 'no'],
    ['databases', '1'],
    ['save', ''],
    ['appendonly', 'no'],
    ['maxclients', String(REDIS_CLIENTS_MAX)],
    ['maxmemory', `${REDIS_MEMORY_MB}mb`],
    // To forget a counter is to let requests pass: a full Redis refuses to write, and its users fall back to themselves.
    ['maxmemory-policy', 'noeviction'],
    ['loglevel', 'notice'],
    ['always-show-logo', 'no'],
  ]
  const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`
  return `${settings.map(([name, value]) => `${name} ${quoted(value)}`).join('\n')}\n`
}

/** Ready when it answers at all: without a user the answer to PING is that a user is needed. */
async function answers(server: Guarded, socketPath: string): Promise<boolean> {
  const end = performance.now() + START_MS_MAX
  while (server.running && performance.now() < end) {
    if ((await ping(socketPath)).startsWith('-NOAUTH')) return true
    await sleep(POLL_MS)
  }
  return false
}

function ping(socketPath: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(socketPath, () => socket.write('PING\r\n'))
    socket.setTimeout(VERSION_MS_MAX, () => socket.destroy())
    socket.once('data', (data) => {
      resolve(data.toString('latin1'))
      socket.destroy()
    })
    socket.once('error', () => resolve(''))
    socket.once('close', () => resolve(''))
  })
}
