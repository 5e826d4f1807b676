import { authority, type Issued } from '@countersign/contract/platform'
import { ConfigError } from '@countersign/ground/config'
import { createLog, type Log, Metrics } from '@countersign/ground/telemetry'
import { type PlatformSettings, readPlatformSettings } from './config/platform.ts'
import { type Connected, connect } from './connect.ts'
import { joinTrustDomain } from './identity/join.ts'
import type { Env, Part } from './part.ts'
import type { Identity } from './workload.ts'

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

/** Joins in the way that the part has for it. */
export async function joinAs(part: Pick<Part, 'name' | 'identify'>, env: Env): Promise<Joined> {
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
