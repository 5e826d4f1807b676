import { type ChildProcess, fork } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { ClientRequest } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nodeHttp } from '@countersign/ground/http1'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import { type Engine, EngineError } from '../engine.ts'
import { type EngineLog, openEngineLog } from '../engine-log.ts'
import { endOf, stopChild, within } from '../guarded-process.ts'
import { START_MS_MAX } from '../limits.ts'
import { prepareSocket, privateFolder } from '../private-folder.ts'
import { stopStale } from '../stop-stale.ts'

export interface Dynamo extends Engine {
  /** Where it listens; differs from the wanted path where that was too long for a socket. */
  readonly socketPath: string
}

/**
 * Starts dynalite, which speaks DynamoDB's protocol, in a process of its own, with its data in `folder`.
 * It listens on a unix socket and on no TCP port. It checks the form of AWS signatures but not their keys:
 * what guards the data is the folder of the socket (0700). Throws `EngineError`, which says what to do.
 */
export async function startDynamo(options: {
  folder: string
  socketPath: string
  log: Log
}): Promise<Dynamo> {
  const folder = await privateFolder(resolve(options.folder))
  const socketPath = await prepareSocket(options.socketPath)
  const pidFile = join(folder, 'dynamo.pid')
  await stopStale({ pidFile, folder, signals: ['SIGTERM'], log: options.log })
  const log = await openEngineLog(folder, 'dynamo')
  const child = spawnProcess(folder, socketPath, log)
  const exited = endOf(child)
  void exited.then(() => log.close())
  try {
    await writeFileAtomic(pidFile, String(child.pid ?? ''))
    await untilReady(child, exited)
    await answers(socketPath)
  } catch (error) {
    const tail = log.tail()
    await stopChild(child, exited, ['SIGTERM'])
    throw new EngineError(`dynalite does not start in ${folder}; its log ends:\n${tail}`, error)
  }
  const version = await versionOf()
  options.log.info({ pid: child.pid, version }, 'DynamoDB (dynalite) is ready')
  return {
    name: 'dynamodb',
    version,
    why: 'embedded: no DYNAMODB_ENDPOINT configured',
    pid: child.pid,
    exited,
    socketPath,
    stop: () => stopChild(child, exited, ['SIGTERM']),
  }
}

/** Its own session, so that Ctrl-C reaches the supervisor alone; it ends when the channel to the supervisor does. */
function spawnProcess(folder: string, socketPath: string, log: EngineLog): ChildProcess {
  const module = new URL(`../dynamo-process${extname(import.meta.url)}`, import.meta.url)
  return fork(fileURLToPath(module), [join(folder, 'data'), socketPath], {
    cwd: folder,
    env: { LC_ALL: 'C', TZ: 'UTC' },
    execArgv: process.execArgv.filter((flag) => flag.startsWith('--conditions=')),
    detached: true,
    stdio: ['ignore', log.descriptor, log.descriptor, 'ipc'],
  })
}

async function untilReady(child: ChildProcess, exited: Promise<void>): Promise<void> {
  const ready = new Promise<true>((resolve) => child.once('message', () => resolve(true)))
  const first = Promise.race([ready, exited.then(() => false)])
  if (!(await within(first, START_MS_MAX))) throw new Error('it took too long to listen')
  if (!(await first)) throw new Error('it ended before it listened')
}

/** Lists the tables: the first request opens the data folder, and shows whether that can be done. */
async function answers(socketPath: string): Promise<void> {
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': 'DynamoDB_20120810.ListTables',
    'x-amz-date': '20260101T000000Z',
    authorization: 'AWS4-HMAC-SHA256 Credential=ready/check, SignedHeaders=host, Signature=0',
  }
  const status = await new Promise<number>((resolve, reject) => {
    const asked: ClientRequest = nodeHttp.request(
      { socketPath, method: 'POST', path: '/', headers, timeout: START_MS_MAX },
      (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      },
    )
    asked.once('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.once('error', reject).end('{}')
  })
  if (status !== 200) throw new Error(`listing tables was answered with ${status}`)
}

async function versionOf(): Promise<string> {
  const main = createRequire(import.meta.url).resolve('dynalite')
  const { version } = JSON.parse(await readFile(join(dirname(main), 'package.json'), 'utf8'))
  return String(version)
}
