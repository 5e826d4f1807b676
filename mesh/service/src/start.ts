import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from '@countersign/contract'
import {
  audit,
  authority,
  type Issued,
  identity as identityContract,
  operations,
  registry,
} from '@countersign/contract/platform'
import { ConfigError } from '@countersign/ground/config'
import {
  createLog,
  createSpans,
  type Log,
  Metrics,
  type Spans,
} from '@countersign/ground/telemetry'
import { createMemoryLimiter, createTokenVerifier } from '@countersign/layers'
import { decider, NOTHING_NARROWED, type Narrowing, parseNarrowing } from '@countersign/policy'
import { createAuditWriter } from './audit/writer.ts'
import type { OnBehalf } from './client/client.ts'
import { type Connected, connect } from './connect.ts'
import { type PlatformSettings, readPlatformSettings } from './config/platform.ts'
import { createRegistrar } from './discovery/registrar.ts'
import { joinTrustDomain } from './identity/join.ts'
import { FLUSH_MS } from './limits.ts'
import { operationsOf } from './operations.ts'
import type { Built, Env, Part } from './part.ts'
import { openServer } from './server/server.ts'
import type { Identity, Workload } from './workload.ts'

/** A part that runs. */
export interface Running {
  readonly workload: Workload
  readonly host: string
  readonly port: number
  /** Drains, deregisters, flushes records, closes. */
  close(): Promise<void>
}

/** A workload that has joined, before it answers anything. */
export interface Joined<Name extends string = string> {
  readonly settings: PlatformSettings
  readonly instance: string
  readonly log: Log
  readonly metrics: Metrics
  readonly identity: Identity & { close(): void }
  readonly connected: Connected<Name>
  close(): Promise<void>
}

/** Joins the trust domain as `name` and connects to the mesh, as a caller only. Settings as for `serve`. */
export function joinMesh<Name extends string>(name: Name, env: Env): Promise<Joined<Name>> {
  return joinAs({ name }, env) as Promise<Joined<Name>>
}

async function joinAs(part: Pick<Part, 'name' | 'identify'>, env: Env): Promise<Joined> {
  const settings = readPlatformSettings(env)
  const instance = settings.COUNTERSIGN_INSTANCE ?? `${part.name}-1`
  const log = createLog({
    service: part.name,
    node: instance,
    level: settings.COUNTERSIGN_LOG_LEVEL,
  })
  const metrics = new Metrics()
  // Renewal goes over the mesh, and the mesh needs the identity: the connection is there before the first renewal.
  let connected: Connected | undefined
  const renew = async (csr: string): Promise<Issued> => {
    if (connected === undefined) throw new Error('not connected yet')
    return connected.call(authority).renew({ body: { csr } })
  }
  const identity = await identify(part, env, { settings, instance, log, renew })
  const at = connect({
    name: part.name,
    trustDomain: settings.COUNTERSIGN_TRUST_DOMAIN,
    identity,
    seeds: settings.COUNTERSIGN_SEEDS,
    log,
    metrics,
  })
  connected = at
  const close = async (): Promise<void> => {
    await at.close()
    identity.close()
  }
  return { settings, instance, log, metrics, identity, connected: at, close }
}

/**
 * Starts a part in this process: joins the trust domain, builds it, opens its door, registers it.
 * `ownsProcess`: this part is alone in its process, so the figures of the process are its own.
 */
export async function startPart(
  part: Part,
  env: Env,
  options: { ownsProcess?: boolean } = {},
): Promise<Running> {
  const joined = await joinAs(part, env)
  const { settings, instance, log, metrics, identity, connected: at } = joined
  if (options.ownsProcess === true) metrics.collectProcess()
  const narrowing = readNarrowing(settings)
  const writer = await createAuditWriter({
    folder: join(settings.COUNTERSIGN_STATE, 'spool'),
    service: part.name,
    instance,
    send: async (events) => void (await at.call(audit).append({ body: { events: [...events] } })),
    log,
    metrics,
  })
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  const spans =
    endpoint === undefined
      ? undefined
      : await createSpans({ endpoint, service: part.name, instance })
  const workload = workloadOf(part.name, instance, settings, {
    spans,
    identity,
    connected: at,
    writer,
    log,
    metrics,
  })
  const verifier = createTokenVerifier({
    issuer: settings.COUNTERSIGN_ISSUER,
    audience: settings.COUNTERSIGN_AUDIENCE,
    fetchKeys: () => at.call(identityContract).keys(),
    log,
    metrics,
  })
  const built = await part.create(workload, env)
  describe(built.contract)
  let draining = false
  const limiter = createMemoryLimiter()
  const server = await openServer({
    workload,
    served: [
      { contract: built.contract, handlers: built.handlers, mounted: built.mounted === true },
      {
        contract: operations,
        handlers: operationsOf(
          workload,
          built.contract,
          () => !draining && (built.ready?.() ?? true),
        ),
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
    descriptor: describe(built.contract),
    log,
  })
  await registrar.start()
  log.info({ port: server.port, spiffe: identity.id }, 'ready')
  return {
    workload,
    host: server.host,
    port: server.port,
    close: async () => {
      draining = true
      await registrar.close()
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

interface IdentifyParts {
  readonly settings: PlatformSettings
  readonly instance: string
  readonly log: Log
  readonly renew: (csr: string) => Promise<Issued>
}

function identify(
  part: Pick<Part, 'name' | 'identify'>,
  env: Env,
  { settings, instance, log, renew }: IdentifyParts,
): Promise<Identity & { close(): void }> {
  const trustDomain = settings.COUNTERSIGN_TRUST_DOMAIN
  if (part.identify !== undefined) return part.identify({ env, trustDomain, instance, log })
  const token = settings.COUNTERSIGN_JOIN_TOKEN
  const missing = [
    ...(token === undefined
      ? ['COUNTERSIGN_JOIN_TOKEN is missing; `countersign run` gets one']
      : []),
    ...(settings.COUNTERSIGN_JOIN.length === 0
      ? ['COUNTERSIGN_JOIN is missing: the join doors of the authorities, host:port,host:port']
      : []),
  ]
  if (token === undefined || missing.length > 0) throw new ConfigError(missing)
  return joinTrustDomain({
    name: part.name,
    trustDomain,
    doors: settings.COUNTERSIGN_JOIN,
    token,
    bundle: settings.COUNTERSIGN_TRUST_BUNDLE,
    renew,
    log,
  })
}

function readNarrowing(settings: PlatformSettings): Narrowing {
  const file = settings.COUNTERSIGN_POLICY_FILE
  return file === undefined ? NOTHING_NARROWED : parseNarrowing(readFileSync(file, 'utf8'), file)
}

function registrationOf(
  part: Part,
  instance: string,
  server: { host: string; port: number },
  built: Built,
) {
  return {
    ID: instance,
    Name: part.name,
    Address: server.host,
    Port: server.port,
    Check: { TTL: '10s' },
    ...(built.meta === undefined ? {} : { Meta: { ...built.meta } }),
  }
}

interface WorkloadParts {
  readonly identity: Identity & { close(): void }
  readonly connected: Connected
  readonly writer: Workload['audit']
  readonly spans: Spans | undefined
  readonly log: Log
  readonly metrics: Metrics
}

function workloadOf(
  name: string,
  instance: string,
  settings: PlatformSettings,
  { identity, connected, writer, spans, log, metrics }: WorkloadParts,
): Workload & OnBehalf {
  metrics.gauge(
    'countersign_certificate_expiry_timestamp_seconds',
    'When the certificate of this workload ends',
    [],
    function () {
      this.set(identity.current().notAfter.getTime() / 1000)
    },
  )
  metrics.gauge(
    'countersign_certificate_renewals',
    'How often the certificate was renewed since the start',
    [],
    function () {
      this.set(identity.renewals)
    },
  )
  return {
    name,
    instance,
    trustDomain: settings.COUNTERSIGN_TRUST_DOMAIN,
    identity,
    log,
    metrics,
    audit: writer,
    spans,
    instances: (of) => connected.resolver.instances(of),
    contracts: () => connected.resolver.contracts(),
    call: (contract) => connected.call(contract) as never,
    callAt: (contract, where) => connected.callAt(contract, where) as never,
    callFor: (contract, behalf) => connected.callFor(contract, behalf),
    close: () => connected.close(),
  }
}
