import type { Client, Contract, Endpoint } from '@countersign/contract'
import { type HealthEntry, registry } from '@countersign/contract/platform'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import { type Behalf, clientOf, type OnBehalf } from './client/client.ts'
import { type Connections, createConnections } from './client/connections.ts'
import { PINNED_MAX } from './limits.ts'
import { createResolver, type Resolver } from './discovery/resolver.ts'
import { evenIfOld } from './trust/revocations.ts'
import { cutCounter } from './trust/trust-metrics.ts'
import type { Identity, Instances } from './workload.ts'

type AnyContract = Contract<string, Record<string, Endpoint<any, any, any, any, any, any>>>
export interface Seed {
  readonly name: string
  readonly host: string
  readonly port: number
}

/** A workload's side of the mesh as a caller: clients, and where the others are. */
export interface Connected<Name extends string = string> extends OnBehalf<Name> {
  call<C extends AnyContract>(contract: C): Client<C, Name>
  callAt<C extends AnyContract>(contract: C, at: Seed): Client<C, Name>
  readonly resolver: Resolver
  close(): Promise<void>
}

/**
 * Connects a workload that has an identity to the mesh. `seeds`: addresses of the platform's own services, used
 * until the registry tells better ones.
 */
export function connect<Name extends string>(options: {
  readonly name: Name
  readonly trustDomain: string
  readonly identity: Identity
  readonly seeds: readonly Seed[]
  readonly log: Log
  readonly metrics: Metrics
}): Connected<Name> {
  const { identity, log, metrics, seeds } = options
  const common = { trustDomain: options.trustDomain, log, cut: cutCounter(metrics) }
  // The way to a new list must not end with the old one.
  const patient = withRevocations(identity, evenIfOld(identity.revocations))
  // The resolver asks the registry through connections that only know the seeds: it cannot ask itself where it is.
  const toRegistry = createConnections({
    ...common,
    identity,
    instances: (name) => fixed(seeds.filter((seed) => seed.name === name)),
  })
  const resolver = createResolver({
    seeds,
    registry: clientOf(registry, {}, toRegistry) as Client<typeof registry, any>,
    log,
    metrics,
  })
  const connections = createConnections({
    ...common,
    identity,
    instances: (name) => resolver.instances(name),
  })
  const pinned = new Map<string, Connections>()
  const at = (seed: Seed): Connections => {
    const key = `${seed.name}=${seed.host}:${seed.port}`
    let found = pinned.get(key)
    pinned.delete(key)
    found ??= createConnections({
      ...common,
      identity: seed.name === 'authority' ? patient : identity,
      instances: () => fixed([seed]),
      name: seed.name,
    })
    pinned.set(key, found)
    if (pinned.size > PINNED_MAX) dropOldest(pinned)
    return found
  }
  const own: Behalf = {}
  return {
    call: (contract) => clientOf(contract, own, connections),
    callAt: (contract, seed) => clientOf(contract, own, at(seed)),
    callFor: (contract, behalf) => clientOf(contract, behalf, connections),
    resolver,
    close: async () => {
      resolver.close()
      await Promise.all([
        connections.close(),
        toRegistry.close(),
        ...[...pinned.values()].map((each) => each.close()),
      ])
    },
  }
}

function dropOldest(pinned: Map<string, Connections>): void {
  const [oldest] = pinned
  if (oldest === undefined) return
  pinned.delete(oldest[0])
  void oldest[1].close()
}

/** The same identity with another list. Its certificate changes, so it is asked for anew at each use. */
function withRevocations(identity: Identity, revocations: Identity['revocations']): Identity {
  return {
    id: identity.id,
    current: () => identity.current(),
    bundle: () => identity.bundle(),
    onChange: (listener) => identity.onChange(listener),
    get renewals() {
      return identity.renewals
    },
    revocations,
  }
}

/** Instances that do not change, in the shape of a watch. */
function fixed(seeds: readonly Seed[]): Instances {
  const entries: readonly HealthEntry[] = seeds.map(({ name, host, port }) => ({
    Node: { Node: host, Address: host, Datacenter: 'local' },
    Service: {
      ID: `${name}@${host}:${port}`,
      Service: name,
      Address: host,
      Port: port,
      Tags: [],
      Meta: {},
    },
    Checks: [],
  }))
  return {
    current: () => entries,
    stale: false,
    first: Promise.resolve(),
    onChange: () => () => undefined,
    close: () => undefined,
  }
}
