import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { writeFileAtomic } from '@countersign/ground/store'
import type { Log } from '@countersign/ground/telemetry'
import { z } from 'zod'
import type { Config } from '../config/config.ts'
import { DeskError } from '../errors.ts'
import type { Layout } from '../home/layout.ts'
import { KEPT_PORT_MAX, KEPT_PORT_MIN, KEPT_PORT_TRIES_MAX } from '../limits.ts'
import { authoritiesOf } from './parts.ts'
import { isFreePort, requireFreePort } from './ports.ts'

const keptSchema = z.record(z.string(), z.int().min(1).max(65_535))
type PortOf = Readonly<Record<string, number>>

/**
 * Ports of the authorities' outside doors, by instance. Certificates and ACME clients carry them, so they stay: as
 * configured, or else as chosen at the first start. One that somebody else has taken since is replaced, loudly: the
 * platform starts, and what remembers the old one does not find it. Throws `DeskError` ENVIRONMENT where a configured one is taken.
 */
export async function outsidePorts(options: {
  config: Config
  layout: Layout
  log: Log
}): Promise<PortOf> {
  const { config, layout, log } = options
  const instances = authoritiesOf(config)
  const configured = config['certificates.outside.ports']?.split(',').map(Number)
  if (configured !== undefined) {
    for (const port of configured)
      await requireFreePort(port, 'COUNTERSIGN_CERTIFICATES_OUTSIDE_PORTS')
    return Object.fromEntries(instances.map((instance, i) => [instance, configured[i] ?? 0]))
  }
  const kept = await readKept(layout)
  const ports: Record<string, number> = {}
  for (const instance of instances) {
    const before = kept[instance]
    const taken = new Set([
      ...Object.values(kept),
      ...Object.values(ports),
      config.publicPort,
      config.adminPort,
    ])
    const stays = before !== undefined && (await isFreePort(before))
    ports[instance] = stays ? before : await choosePort(taken)
    if (before !== undefined && !stays)
      log.error(
        { instance, before, now: ports[instance] },
        'the outside door of this authority moved: another program listens at its port',
      )
  }
  // Those of authorities that do not run at this time are remembered as well.
  await writeFileAtomic(layout.outsidePorts, `${JSON.stringify({ ...kept, ...ports })}\n`)
  return ports
}

async function choosePort(taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < KEPT_PORT_TRIES_MAX; tries++) {
    const port = randomInt(KEPT_PORT_MIN, KEPT_PORT_MAX + 1)
    if (!taken.has(port) && (await isFreePort(port))) return port
  }
  throw new DeskError(
    'ENVIRONMENT',
    `found no free port between ${KEPT_PORT_MIN} and ${KEPT_PORT_MAX}; name some: COUNTERSIGN_CERTIFICATES_OUTSIDE_PORTS=<port>,<port>`,
  )
}

/** Damage is no reason not to start: the ports are chosen anew. */
async function readKept(layout: Layout): Promise<PortOf> {
  try {
    return keptSchema.parse(JSON.parse(await readFile(layout.outsidePorts, 'utf8')))
  } catch {
    return {}
  }
}
