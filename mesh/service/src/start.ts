import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe } from '@countersign/contract'
import {
  audit,
  identity as provider,
  operations,
  type Registration,
  registry,
} from '@countersign/contract/platform'
import { createSpans } from '@countersign/ground/telemetry'
import { createMemoryLimiter, createTokenVerifier } from '@countersign/layers'
import {
  decider,
  misfits,
  NOTHING_NARROWED,
  type Narrowing,
  parseNarrowing,
} from '@countersign/policy'
import { createAuditWriter } from './audit/writer.ts'
import { buildWorkload } from './build-workload.ts'
import type { PlatformSettings } from './config/platform.ts'
import { createRegistrar } from './discovery/registrar.ts'
import { joinAs, type Joined, type JoinHooks } from './join-mesh.ts'
import { CALLERS_HEAR_MS, FLUSH_MS } from './limits.ts'
import { operationsOf } from './operations.ts'
import type { Built, Env, Part } from './part.ts'
import { type MeshServer, openServer } from './server/server.ts'
import { unrequestedCounter } from './trust/trust-metrics.ts'
import { unrequestedEvent } from './trust/unrequested-event.ts'
import type { Workload } from './workload.ts'

/** A part that runs. */
export interface Running {
  readonly workload: Workload
  readonly host: string
  readonly port: number
  /** Deregisters, drains, flushes records, closes. */
  close(how?: Closing): Promise<void>
}
interface Closing {
  /** Nobody is left who would call: callers need no time to hear of it. */
  readonly everythingEnds?: boolean
}

/**
 * Starts a part in this process: joins the trust domain, builds it, opens its door, registers it.
 * `ownsProcess`: this part is alone in its process, so the figures of the process are its own.
 * `onLost`: what to do when its certificate is of no use any more; without it the part stays, and answers nobody.
 */
export async function startPart(
  part: Part,
  env: Env,
  options: { ownsProcess?: boolean } & JoinHooks = {},
): Promise<Running> {
  const joined = await joinAs(part, env, options)
  try {
    return await open(part, env, { joined, ownsProcess: options.ownsProcess === true })
  } catch (error) {
    // Nobody is left who would say that it leaves.
    await joined.close()
    throw error
  }
}

async function open(
  part: Part,
  env: Env,
  { joined, ownsProcess }: { joined: Joined; ownsProcess: boolean },
): Promise<Running> {
  const { settings, instance, log, metrics, identity, connected: at } = joined
  const narrowing = readNarrowing(settings)
  if (ownsProcess) metrics.collectProcess()
  const writer = await createAuditWriter({
    folder: join(settings.COUNTERSIGN_STATE, 'spool'),
    service: part.name,
    instance,
    send: async (events) => void (await at.call(audit).append({ body: { events: [...events] } })),
    log,
    metrics,
  })
  const unrequested = unrequestedCounter(metrics)
  joined.trust?.onUnrequested((found) => {
    unrequested.inc()
    writer.record(unrequestedEvent(found))
  })
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  const spans =
    endpoint === undefined
      ? undefined
      : await createSpans({ endpoint, service: part.name, instance })
  const workload = buildWorkload(part.name, joined, { audit: writer, spans })
  const verifier = createTokenVerifier({
    issuer: settings.COUNTERSIGN_ISSUER,
    audience: settings.COUNTERSIGN_AUDIENCE,
    fetchKeys: () => at.call(provider).keys(),
    log,
    metrics,
  })
  const built = await part.create(workload, env)
  const described = describe(built.contract)
  // No reason not to start: the line may mean a route of kong.yml, which the gateway alone knows.
  for (const misfit of misfits(narrowing, described))
    log.warn({ misfit }, 'a line of the policy file closes and lowers nothing here')
  let draining = false
  const limiter = createMemoryLimiter()
  const server = await openServer({
    workload,
    served: [
      { contract: built.contract, handlers: built.handlers, mounted: built.mounted === true },
      {
        contract: operations,
        handlers: operationsOf(workload, built.contract, () => ({
          ready: !draining && (built.ready?.() ?? true),
          waitsFor: built.waitsFor?.(),
        })),
      },
    ],
    verifier,
    limiter,
    decide: decider(narrowing),
    narrowing,
    listen: settings.COUNTERSIGN_LISTEN,
  })
  const registrar = createRegistrar({
    registry: at.call(registry),
    registration: registrationOf(part, instance, server, built),
    descriptor: described,
    log,
  })
  await registrar.start()
  log.info({ port: server.port, spiffe: identity.id }, 'ready')
  return {
    workload,
    host: server.host,
    port: server.port,
    close: async ({ everythingEnds = false }: Closing = {}) => {
      draining = true
      await registrar.close()
      if (!everythingEnds) await sleep(CALLERS_HEAR_MS)
      await built.drain?.()
      await server.close()
      await built.close?.()
      const left = await writer.flush(FLUSH_MS)
      if (left > 0)
        log.warn({ left }, 'audit events stay on the spool and are sent at the next start')
      await writer.close()
      verifier.close()
      await limiter.close()
      await spans?.close()
      await joined.close()
    },
  }
}

function readNarrowing(settings: PlatformSettings): Narrowing {
  const file = settings.COUNTERSIGN_POLICY_FILE
  return file === undefined ? NOTHING_NARROWED : parseNarrowing(readFileSync(file, 'utf8'), file)
}

function registrationOf(
  part: Part,
  instance: string,
  server: MeshServer,
  built: Built,
): Registration {
  return {
    ID: instance,
    Name: part.name,
    Address: server.host,
    Port: server.port,
    Check: { TTL: '10s' },
    ...(built.meta === undefined ? {} : { Meta: { ...built.meta } }),
  }
}
