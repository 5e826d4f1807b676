import type { Client, ContractDescriptor, RawReply } from '@countersign/contract'
import type { HealthEntry, registry as registryContract } from '@countersign/contract/platform'
import { CodedError } from '@countersign/ground/errors'
import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { Contracts, Instances } from '../workload.ts'
import { type Answer, type FirstAnswer, Follow } from './follow.ts'
import { ANSWER_TIMEOUT_MS, WAIT, WATCHES_MAX } from './limits.ts'
import { bodyOf, indexHeader, type Read, readContracts, readHealth } from './read-answers.ts'

export interface Seed {
  readonly name: string
  readonly host: string
  readonly port: number
}
export interface ResolverOptions {
  /** Addresses that are used until the registry has answered, and whenever it knows none. */
  readonly seeds: readonly Seed[]
  readonly registry: Client<typeof registryContract, any>
  readonly log: Log
  readonly metrics: Metrics
}

/** Where the instances of services are, and what services have published. */
export interface Resolver {
  /** Watches a service. All who watch one name share one watch; it ends when the last of them closes. */
  instances(name: string): Instances & FirstAnswer
  contracts(): Contracts & FirstAnswer
  /** Ends all watches, also the requests that wait. */
  close(): void
}

interface Shared<T> {
  readonly follow: Follow<T>
  users: number
}

export function createResolver(options: ResolverOptions): Resolver {
  const { registry, log } = options
  const names = new Map<string, Shared<readonly HealthEntry[]>>()
  const all = new Map<string, Shared<readonly ContractDescriptor[]>>()
  const stale = options.metrics.gauge(
    'countersign_discovery_stale',
    'Whether the last state of a watch could not be confirmed with the registry (1) or could (0)',
    ['watch'],
  )
  const follow = <T>(
    what: string,
    ask: Ask,
    read: (body: string) => Read<T>,
  ): Follow<readonly T[]> =>
    new Follow<readonly T[]>({
      what,
      ask: reading(ask, read, (dropped) =>
        log.warn({ watch: what, dropped }, 'entries were dropped'),
      ),
      initial: [],
      log,
      onState: (is) => stale.set({ watch: what }, is ? 1 : 0),
    })
  const askHealth =
    (name: string): Ask =>
    (query, call) =>
      registry.health({ params: { name }, query: { ...query, passing: 'true' } }, call)
  const askContracts: Ask = (query, call) =>
    registry.contracts({ query: { ...query, recurse: 'true' } }, call)
  return {
    instances(name) {
      const made = (): Follow<readonly HealthEntry[]> =>
        follow(name, askHealth(name), (body) => readHealth(body, name))
      return withSeeds(share(names, name, made), seedEntries(options.seeds, name))
    },
    contracts: () =>
      share(all, 'contracts', () => follow('contracts', askContracts, readContracts)),
    close() {
      for (const { follow } of [...names.values(), ...all.values()]) follow.close()
      names.clear()
      all.clear()
    },
  }
}

type Ask = (
  query: { index?: number; wait: string },
  call: { signal: AbortSignal; timeoutMs: number },
) => Promise<RawReply>

/** Turns answers into values; an answer that reads as the one before is no news. */
function reading<T>(
  ask: Ask,
  read: (body: string) => Read<T>,
  drop: (dropped: readonly string[]) => void,
): (index: number, signal: AbortSignal) => Promise<Answer<readonly T[]>> {
  let lastBody: string | undefined
  let lastValue = '[]'
  return async (index, signal) => {
    const query = { wait: WAIT, ...(index === 0 ? {} : { index }) }
    const reply = await ask(query, { signal, timeoutMs: ANSWER_TIMEOUT_MS })
    // Consul has nothing at a prefix until something is put there.
    const body = reply.status === 404 ? '[]' : bodyOf(reply)
    const answered = { index: indexHeader(reply), value: undefined }
    if (body === lastBody) return answered
    const { values, dropped } = read(body)
    lastBody = body
    if (dropped.length > 0) drop(dropped)
    const value = JSON.stringify(values)
    if (value === lastValue) return answered
    lastValue = value
    return { ...answered, value: values }
  }
}

/** A handle on a watch that others may use too. Closing the handle twice counts once. */
function share<T>(
  shared: Map<string, Shared<T>>,
  key: string,
  make: () => Follow<T>,
): ReturnType<typeof handle<T>> {
  let found = shared.get(key)
  if (found === undefined) {
    if (shared.size >= WATCHES_MAX)
      throw new CodedError('TOO_MANY_WATCHES', `more than ${WATCHES_MAX} services are watched`)
    found = { follow: make(), users: 0 }
    shared.set(key, found)
  }
  found.users += 1
  const mine = found
  return handle(mine.follow, () => {
    mine.users -= 1
    if (mine.users > 0) return
    mine.follow.close()
    if (shared.get(key) === mine) shared.delete(key)
  })
}

function handle<T>(follow: Follow<T>, release: () => void) {
  const unlisten = new Set<() => void>()
  let open = true
  return {
    current: (): T => follow.current(),
    get stale(): boolean {
      return follow.stale
    },
    first: follow.first,
    onChange(listener: () => void): () => void {
      const stop = follow.onChange(() => listener())
      unlisten.add(stop)
      return () => {
        unlisten.delete(stop)
        stop()
      }
    },
    close(): void {
      if (!open) return
      open = false
      for (const stop of unlisten) stop()
      release()
    },
  }
}

/** Seeds are better than nothing, and nothing is better than they once the registry knows more. */
function withSeeds(
  watch: Instances & FirstAnswer,
  seeds: readonly HealthEntry[],
): Instances & FirstAnswer {
  if (seeds.length === 0) return watch
  return {
    current() {
      const known = watch.current()
      return known.length > 0 ? known : seeds
    },
    get stale() {
      return watch.stale
    },
    first: watch.first,
    onChange: (listener) => watch.onChange(listener),
    close: () => watch.close(),
  }
}

function seedEntries(seeds: readonly Seed[], name: string): HealthEntry[] {
  return seeds
    .filter((seed) => seed.name === name)
    .map(({ host, port }) => ({
      Node: { Node: host, Address: host, Datacenter: 'seed' },
      Service: {
        ID: `${name}@${host}:${port}`,
        Service: name,
        Address: host,
        Port: port,
        Tags: ['seed'],
        Meta: {},
      },
      Checks: [],
    }))
}
