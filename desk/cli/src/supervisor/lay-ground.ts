import type { Log } from '@countersign/ground/telemetry'
import type { Env } from '@countersign/service'
import type { Config } from '../config/config.ts'
import { ensureCredentials } from '../home/credentials.ts'
import type { Layout } from '../home/layout.ts'
import { ensureMasterKey, masterKeyEnv } from '../home/master-key.ts'
import { ownFolder } from '../home/prepare.ts'
import { prepareAuthority } from './authority.ts'
import { outsidePorts } from './outside-ports.ts'
import { partsOf } from './parts.ts'
import { type PlanFacts, portCount, portsFrom } from './plan.ts'
import { requireFreePort, reservePorts } from './ports.ts'
import { requireRedis } from './require-redis.ts'

/** What is there before anything runs. */
export interface Ground {
  readonly facts: PlanFacts
  /** With which the desk joins. */
  readonly deskToken: string
  /** Gives up the ports of the processes, once those have ended. */
  releasePorts(): Promise<void>
}

/** Sees to ports, keys, people and folders. Throws `DeskError` for what is in the way. Safe to repeat. */
export async function layGround(options: {
  readonly config: Config
  readonly layout: Layout
  readonly log: Log
  /** Our own environment. */
  readonly env: Env
}): Promise<Ground> {
  const { config, layout, log, env } = options
  await requireFreePort(config.publicPort)
  if (config.adminPort !== 0) await requireFreePort(config.adminPort, 'COUNTERSIGN_ADMIN_PORT')
  if (config.redis !== 'auto' && config.redis !== 'off') await requireRedis(config.redis)
  const outside = await outsidePorts({ config, layout, log })
  const reserved = await reservePorts(portCount(config))
  const ports = portsFrom(config, reserved.ports, outside)
  const master = masterKeyEnv(config, { layout, env })
  const [masterKey] = await Promise.all([
    ensureMasterKey(layout, { PATH: env.PATH, HOME: env.HOME, ...master }),
    ensureCredentials(layout),
  ])
  const deskToken = await prepareAuthority({ config, layout, masterKey })
  await Promise.all(partsOf(config).map(({ instance }) => ownFolder(layout.part(instance))))
  const facts: PlanFacts = { config, layout, ports, master, own: {} }
  return { facts, deskToken, releasePorts: reserved.release }
}
