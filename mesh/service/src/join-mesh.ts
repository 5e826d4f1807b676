import type { Issued } from '@countersign/contract/platform'
import { ConfigError } from '@countersign/ground/config'
import { createLog, type Log, Metrics } from '@countersign/ground/telemetry'
import { type PlatformSettings, readPlatformSettings } from './config/platform.ts'
import { type Connected, connect } from './connect.ts'
import { joinTrustDomain } from './identity/join.ts'
import { RenewingIdentity } from './identity/renewing-identity.ts'
import type { Env, Part } from './part.ts'
import type { Follower } from './trust/follower.ts'
import { FIRST_WORD_MS_MAX } from './trust/limits.ts'
import { startFollower, type WayToAuthorities, wayToAuthorities } from './trust/start-follower.ts'
import type { Identity } from './workload.ts'

/** A workload that has joined, before it answers anything. */
export interface Joined<Name extends string = string> {
  readonly settings: PlatformSettings
  readonly instance: string
  readonly log: Log
  readonly metrics: Metrics
  readonly identity: Identity & { close(): void }
  readonly connected: Connected<Name>
  /** Undefined where the part has its own way to a certificate, and so to what is believed. */
  readonly trust: Follower | undefined
  close(): Promise<void>
}
export interface JoinHooks {
  /** The own certificate was taken back, or has expired: nobody takes this process any more. Called once. */
  onLost?(why: 'revoked' | 'expired'): void
  /** In place of one on standard output. */
  readonly log?: Log
}

/** Joins the trust domain as `name` and connects to the mesh, as a caller only. Settings as for `serve`. */
export function joinMesh<Name extends string>(
  name: Name,
  env: Env,
  hooks: JoinHooks = {},
): Promise<Joined<Name>> {
  return joinAs({ name }, env, hooks) as Promise<Joined<Name>>
}

/** Joins in the way that the part has for it, and follows what the authorities say from then on. */
export async function joinAs(
  part: Pick<Part, 'name' | 'identify'>,
  env: Env,
  hooks: JoinHooks = {},
): Promise<Joined> {
  const settings = readPlatformSettings(env)
  const instance = settings.COUNTERSIGN_INSTANCE ?? `${part.name}-1`
  const level = settings.COUNTERSIGN_LOG_LEVEL
  const log = hooks.log ?? createLog({ service: part.name, node: instance, level })
  const metrics = new Metrics()
  // Renewal goes over the mesh, and the mesh needs the identity: the connection is there before the first renewal.
  let way: WayToAuthorities | undefined
  const renew = async (csr: string): Promise<Issued> => {
    if (way === undefined) throw new Error('not connected yet')
    return way.renew(csr)
  }
  const identity = await identify(part, env, { settings, instance, log, renew, hooks })
  const at = connect({
    name: part.name,
    trustDomain: settings.COUNTERSIGN_TRUST_DOMAIN,
    identity,
    seeds: settings.COUNTERSIGN_SEEDS,
    log,
    metrics,
  })
  way = wayToAuthorities(at, settings.COUNTERSIGN_SEEDS)
  const trust =
    identity instanceof RenewingIdentity && part.identify === undefined
      ? startFollower({
          ...{ instance, trustDomain: settings.COUNTERSIGN_TRUST_DOMAIN, identity, way },
          ...{ log, metrics, onRevoked: () => hooks.onLost?.('revoked') },
        })
      : undefined
  // What was taken back before we came counts from the first connection on.
  await trust?.firstWord(FIRST_WORD_MS_MAX)
  const close = async (): Promise<void> => {
    await trust?.close()
    await at.close()
    identity.close()
  }
  return { settings, instance, log, metrics, identity, connected: at, trust, close }
}

interface IdentifyParts {
  readonly settings: PlatformSettings
  readonly instance: string
  readonly log: Log
  readonly renew: (csr: string) => Promise<Issued>
  readonly hooks: JoinHooks
}

function identify(
  part: Pick<Part, 'name' | 'identify'>,
  env: Env,
  { settings, instance, log, renew, hooks }: IdentifyParts,
): Promise<Identity & { close(): void }> {
  const trustDomain = settings.COUNTERSIGN_TRUST_DOMAIN
  if (part.identify !== undefined) return part.identify({ env, trustDomain, instance, log })
  const proof = readProof(settings)
  const missing = [
    ...(proof === undefined
      ? [
          'COUNTERSIGN_JOIN_TOKEN is missing; `countersign run` gets one. In Kubernetes: COUNTERSIGN_SERVICE_ACCOUNT_TOKEN_FILE',
        ]
      : []),
    ...(settings.COUNTERSIGN_JOIN.length === 0
      ? ['COUNTERSIGN_JOIN is missing: the join doors of the authorities, host:port,host:port']
      : []),
  ]
  if (proof === undefined || missing.length > 0) throw new ConfigError(missing)
  return joinTrustDomain({
    name: part.name,
    trustDomain,
    doors: settings.COUNTERSIGN_JOIN,
    ...proof,
    bundle: settings.COUNTERSIGN_TRUST_BUNDLE,
    renew,
    log,
    onExpired: () => hooks.onLost?.('expired'),
  })
}

/** The one-time token, or where the token of a service account lies. The first is for this start, so it comes first. */
function readProof(
  settings: PlatformSettings,
): { readonly token: string } | { readonly serviceAccountTokenFile: string } | undefined {
  const token = settings.COUNTERSIGN_JOIN_TOKEN
  if (token !== undefined) return { token }
  const file = settings.COUNTERSIGN_SERVICE_ACCOUNT_TOKEN_FILE
  return file === undefined ? undefined : { serviceAccountTokenFile: file }
}
