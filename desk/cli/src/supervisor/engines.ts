import {
  type Dynamo,
  NO_REDIS,
  type Postgres,
  type Redis,
  startDynamo,
  startPostgres,
  startRedis,
} from '@countersign/engines'
import type { Log } from '@countersign/ground/telemetry'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Layout } from '../home/layout.ts'
import { ensureSecret } from '../home/secrets.ts'
import type { PlatformStatus } from './control-protocol.ts'
import { needsPostgres } from './databases.ts'
import { type KeptEngine, keepEngine } from './kept-engine.ts'
import { redisUsers } from './redis-users.ts'
import type { Timeline } from './timeline.ts'

/** The database engines that this platform runs itself; absent is what is configured elsewhere or switched off. */
export interface Engines {
  readonly postgres: KeptEngine<Postgres> | undefined
  readonly dynamo: KeptEngine<Dynamo> | undefined
  readonly redis: KeptEngine<Redis> | undefined
  status(): PlatformStatus['engines']
  stop(): Promise<void>
}

export interface EngineOptions {
  readonly config: Config
  readonly layout: Layout
  readonly log: Log
  readonly timeline: Timeline
}

/** Starts all engines at once. Where one fails the others are stopped again, and its error is thrown. */
export async function startEngines(options: EngineOptions): Promise<Engines> {
  const starts = [
    startKeptPostgres(options),
    startKeptDynamo(options),
    startKeptRedis(options),
  ] as const
  const settled = await Promise.allSettled(starts)
  const failed = settled.find((each) => each.status === 'rejected')
  if (failed !== undefined) {
    await Promise.all(
      settled.map((each) => (each.status === 'fulfilled' ? each.value?.stop() : undefined)),
    )
    throw failed.reason
  }
  const [postgres, dynamo, redis] = await Promise.all(starts)
  const { config } = options
  return {
    postgres,
    dynamo,
    redis,
    status: () => [
      describe('postgres', postgres, {
        inUse: 'configured',
        why: 'databases.* name other servers',
        health: 'external',
      }),
      describe('dynamodb', dynamo, {
        inUse: 'configured',
        why: 'databases.payments names another server',
        health: 'external',
      }),
      describe('redis', redis, withoutRedis(config)),
    ],
    stop: async () => {
      await Promise.all([postgres?.stop(), dynamo?.stop(), redis?.stop()])
    },
  }
}

async function startKeptPostgres({
  config,
  layout,
  log,
  timeline,
}: EngineOptions): Promise<KeptEngine<Postgres> | undefined> {
  if (!needsPostgres(config)) return undefined
  const start = () => startPostgres({ folder: layout.postgres, log })
  const kept = await keepEngine('postgres', start, log)
  timeline.mark('postgres answers')
  return kept
}

async function startKeptDynamo({
  config,
  layout,
  log,
  timeline,
}: EngineOptions): Promise<KeptEngine<Dynamo> | undefined> {
  if (config['databases.payments'] !== undefined) return undefined
  const socketPath = join(layout.sockets, 'dynamo.sock')
  const start = () => startDynamo({ folder: layout.dynamo, socketPath, log })
  const kept = await keepEngine('dynamodb', start, log)
  timeline.mark('dynamodb answers')
  return kept
}

async function startKeptRedis({
  config,
  layout,
  log,
  timeline,
}: EngineOptions): Promise<KeptEngine<Redis> | undefined> {
  if (config.redis !== 'auto') return undefined
  const users = await Promise.all(
    redisUsers.map(async ({ name, keys }) => {
      const { value: password } = await ensureSecret(layout, `redis-${name}`)
      return { name, keys, password }
    }),
  )
  const socketPath = join(layout.sockets, 'redis.sock')
  const start = () => startRedis({ folder: layout.redis, socketPath, users, log })
  // Looked for once: a machine does not grow a Redis while the platform runs.
  const first = await start()
  if (first === undefined) return undefined
  let next: Redis | undefined = first
  const kept = await keepEngine(
    'redis',
    async () => {
      const engine = next ?? (await start())
      next = undefined
      if (engine === undefined) throw new Error(NO_REDIS)
      return engine
    },
    log,
  )
  timeline.mark('redis answers')
  return kept
}

type EngineStatus = PlatformStatus['engines'][number]

function describe(
  name: string,
  kept: KeptEngine<Postgres | Dynamo | Redis> | undefined,
  otherwise: Pick<EngineStatus, 'inUse' | 'why' | 'health'>,
): EngineStatus {
  if (kept === undefined) return { name, version: null, pid: null, ...otherwise }
  const engine = kept.current()
  return {
    name,
    inUse: IN_USE[engine.name],
    why: WHY[engine.name] ?? engine.why,
    version: engine.version,
    pid: engine.pid ?? null,
    health: kept.health,
  }
}
/** Why the embedded one, in the words of our configuration. */
const WHY: Readonly<Record<string, string>> = {
  postgres: 'embedded: databases.identity, .users or .orders is not configured',
  dynamodb: 'embedded: databases.payments is not configured',
}
const IN_USE = { postgres: 'PostgreSQL', dynamodb: 'dynalite', redis: 'Redis' } as const

function withoutRedis({ redis }: Config): Pick<EngineStatus, 'inUse' | 'why' | 'health'> {
  if (redis === 'off')
    return { inUse: 'in-process', why: 'redis: off in the configuration', health: 'off' }
  if (redis === 'auto')
    return { inUse: 'in-process', why: NO_REDIS.replace(/^in-process: /, ''), health: 'off' }
  return { inUse: 'Redis, configured', why: 'redis: names another server', health: 'external' }
}
