import type { Env } from '@countersign/service'
import type { Config } from '../config/config.ts'
import type { Layout } from '../home/layout.ts'
import { authorityEnv } from './authority-env.ts'
import { type Numbers, type Part, partsOf } from './parts.ts'
import type { ProcessSpec } from './process-spec.ts'

/*
 * What each process of a platform is told. Pure: ports and addresses come in.
 *
 * Each process is told only what is its own: the master key goes to those that seal, a database's address to its
 * owner, and secrets by the name of a file.
 */
/** Ports of the loopback: one mesh listener an instance, and the doors beside it. */
export interface Ports {
  readonly mesh: Readonly<Record<string, number>>
  /** Where workloads without a certificate join, by authority. */
  readonly join: Readonly<Record<string, number>>
  /** Where clients that are no workloads find an authority; the same from start to start. */
  readonly outside: Readonly<Record<string, number>>
  /** Where the balancer finds the public listener of a gateway. */
  readonly public: Readonly<Record<string, number>>
}

export interface PlanFacts {
  readonly config: Config
  readonly layout: Layout
  readonly ports: Ports
  /** Where those that seal find the master key. */
  readonly master: Env
  /** Settings of single parts, by name: addresses of databases and caches. */
  readonly own: Readonly<Record<string, Env>>
}

export function planOf(facts: PlanFacts): readonly ProcessSpec[] {
  return partsOf(facts.config).map((part) => ({
    instance: part.instance,
    name: part.name,
    module: part.module,
    port: facts.ports.mesh[part.instance] ?? 0,
    joins: part.name !== 'authority',
    nodeFlags: part.nodeFlags ?? [],
    env: {
      ...meshEnv(facts),
      COUNTERSIGN_INSTANCE: part.instance,
      COUNTERSIGN_LISTEN: `127.0.0.1:${facts.ports.mesh[part.instance] ?? 0}`,
      COUNTERSIGN_STATE: facts.layout.part(part.instance),
      ...(part.needs?.includes('master key') === true ? facts.master : {}),
      ...partEnv(part, facts),
      ...facts.own[part.name],
    },
  }))
}

/** What every workload of the trust domain is told, those of users too. */
export function meshEnv({
  config,
  layout,
  ports,
}: Pick<PlanFacts, 'config' | 'layout' | 'ports'>): Env {
  const seeds = partsOf(config)
    .filter(({ name }) => SEEDED.has(name))
    .map(({ name, instance }) => `${name}=127.0.0.1:${ports.mesh[instance]}`)
  return {
    COUNTERSIGN_TRUST_DOMAIN: config.trustDomain,
    COUNTERSIGN_TRUST_BUNDLE_FILE: layout.bundle,
    COUNTERSIGN_JOIN: Object.values(ports.join)
      .map((port) => `127.0.0.1:${port}`)
      .join(','),
    COUNTERSIGN_SEEDS: seeds.join(','),
    COUNTERSIGN_ISSUER: `${publicUrl(config)}/auth`,
    COUNTERSIGN_AUDIENCE: config.audience,
    COUNTERSIGN_LOG_LEVEL: config.logLevel,
    ...(config.policyFile === undefined ? {} : { COUNTERSIGN_POLICY_FILE: config.policyFile }),
  }
}
const SEEDED: ReadonlySet<string> = new Set(['authority', 'registry', 'audit', 'identity'])

export function publicUrl(config: Config): string {
  return `https://localhost:${config.publicPort}`
}

function partEnv({ name, instance }: Part, facts: PlanFacts): Env {
  const { config, layout, ports } = facts
  if (name === 'authority') return authorityEnv(instance, facts)
  // The log is not among what a run leaves behind.
  if (name === 'audit') return { COUNTERSIGN_STATE: layout.audit }
  if (name === 'identity') return { IDENTITY_ACCESS_TOKEN_TTL: String(config['tokens.ttl']) }
  if (name === 'control') return controlEnv(facts)
  if (name === 'gateway') return gatewayEnv(instance, facts)
  if (name === 'balancer') {
    const gateways = Object.values(ports.public).map((port) => `127.0.0.1:${port}`)
    return {
      BALANCER_LISTEN: `localhost:${config.publicPort}`,
      BALANCER_GATEWAYS: gateways.join(','),
    }
  }
  return {}
}

/** The configuration of the gateways is no part of a run either. */
function controlEnv({ config, layout }: PlanFacts): Env {
  return {
    COUNTERSIGN_STATE: layout.kong,
    CONTROL_ADMIN_LISTEN: `127.0.0.1:${config.adminPort}`,
    ...(config.kongFile === undefined ? {} : { CONTROL_FILE: config.kongFile }),
    ...(config.plugins === undefined ? {} : { CONTROL_PLUGINS: config.plugins }),
  }
}

/** Limits fall to equal shares where Redis is away, so each gateway knows how many there are. */
function gatewayEnv(instance: string, { config, ports }: PlanFacts): Env {
  const gateways = Object.keys(ports.public)
  return {
    GATEWAY_LISTEN: `127.0.0.1:${ports.public[instance]}`,
    GATEWAY_PROXY_PROTOCOL: 'required',
    GATEWAY_SHARE_INDEX: String(gateways.indexOf(instance)),
    GATEWAY_SHARE_OF: String(gateways.length),
    GATEWAY_PLUGINS: config.plugins,
    GATEWAY_UPSTREAM_ALLOW: config['gateway.upstreamAllow'],
    GATEWAY_PLAIN_UPSTREAMS: config['gateway.plainUpstreams'],
    GATEWAY_FETCH_ALLOW: config['gateway.fetchAllow'],
  }
}

/** Which of the free ports is whose. `outside`: those of the doors that stay where they are. */
export function portsFrom(
  config: Numbers,
  free: readonly number[],
  outside: Ports['outside'],
): Ports {
  const parts = partsOf(config)
  const left = [...free]
  const give = (instances: readonly Part[]): Record<string, number> =>
    Object.fromEntries(instances.map(({ instance }) => [instance, left.shift() ?? 0]))
  return {
    mesh: give(parts),
    join: give(parts.filter(({ name }) => name === 'authority')),
    outside,
    public: give(parts.filter(({ name }) => name === 'gateway')),
  }
}
/** How many free ports a platform needs, beside those that stay. */
export function portCount(config: Numbers): number {
  const parts = partsOf(config)
  return (
    parts.length + parts.filter(({ name }) => name === 'authority' || name === 'gateway').length
  )
}
