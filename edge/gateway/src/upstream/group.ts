import { randomUUID } from 'node:crypto'
import { type ActiveRules, activeRules } from '../domain/balancing/checks.ts'
import { HashKey } from '../domain/balancing/hash-key.ts'
import { HashRing } from '../domain/balancing/hash-ring.ts'
import type { Picker } from '../domain/balancing/member.ts'
import { LeastConnections, LeastLatency, RoundRobin } from '../domain/balancing/pickers.ts'
import type { WayPlan } from '../domain/balancing/plan.ts'
import type { Exchange } from '../exchange.ts'
import { TARGETS_MAX } from '../limits.ts'
import type { Instance } from './instance.ts'
import { type GroupParts, Side } from './side.ts'
import type { Fault } from './target-places.ts'

/** The targets of an upstream, or the addresses of a host: who is there, who works, and who is next. */
export class Group {
  readonly #parts: GroupParts
  readonly #sides = new Map<string, Side>()
  #instances: readonly Instance[] = []
  #plan: WayPlan
  #rules: ActiveRules
  #hash: HashKey | undefined
  #picker: Picker<Instance> = new RoundRobin([])
  #checks = 0

  constructor(plan: WayPlan, parts: GroupParts) {
    this.#plan = plan
    this.#parts = parts
    this.#rules = activeRules(plan.upstream?.healthchecks)
    this.update(plan)
  }

  get plan(): WayPlan {
    return this.#plan
  }
  get sides(): Iterable<Side> {
    return this.#sides.values()
  }
  /** Set while nobody has told yet where its targets are; resolves when one is known. */
  get pending(): Promise<unknown> | undefined {
    if (this.#instances.length > 0) return undefined
    const waiting: Promise<void>[] = []
    for (const { places } of this.#sides.values()) if (!places.settled) waiting.push(places.first)
    return waiting.length === 0 ? undefined : Promise.race(waiting)
  }
  /** Why some target has no address that may be asked. */
  get fault(): Fault | undefined {
    for (const { places } of this.#sides.values())
      if (places.fault !== undefined) return places.fault
    return undefined
  }

  choose(exchange: Exchange, tried: readonly Instance[]): Instance | undefined {
    const { upstream } = this.#plan
    if (upstream !== undefined && upstream.healthchecks.threshold > 0 && !this.#isHealthy(upstream))
      return undefined
    const hash = this.#hash === undefined ? undefined : hashOf(this.#hash, exchange)
    return this.#picker.pick(this.#parts.now(), tried, hash)
  }

  /** Takes over a changed plan with the same key. Targets that stay keep their connections and their health. */
  update(plan: WayPlan): void {
    this.#plan = plan
    this.#rules = activeRules(plan.upstream?.healthchecks)
    const wanted = new Map(
      plan.targets.slice(0, TARGETS_MAX).map((each) => [`${each.id ?? ''} ${each.target}`, each]),
    )
    for (const [key, side] of this.#sides) {
      if (wanted.has(key)) continue
      this.#sides.delete(key)
      side.close()
    }
    for (const [key, target] of wanted) {
      const known = this.#sides.get(key)
      if (known !== undefined) known.update(target, plan, this.#rules)
      else
        this.#sides.set(
          key,
          new Side(target, {
            ...{ way: plan, rules: this.#rules, parts: this.#parts },
            onChange: () => this.#gather(),
          }),
        )
    }
    this.#gather()
  }
  /** An operator has said something of targets. */
  mark(): void {
    for (const side of this.#sides.values()) side.mark()
  }
  /** Starts the checks that are due at `now` (of `performance.now()`), `room` of them at most. Gives what each ends with. */
  check(now: number, room: number): readonly Promise<void>[] {
    const begun: Promise<void>[] = []
    for (const side of this.#sides.values())
      for (const { check } of side.members) {
        if (begun.length >= room || this.#checks >= this.#rules.concurrency) return begun
        if (!check.isDue(now)) continue
        this.#checks++
        begun.push(
          check.run().finally(() => {
            this.#checks--
          }),
        )
      }
    return begun
  }
  close(): void {
    for (const side of this.#sides.values()) side.close()
    this.#sides.clear()
    this.#instances = []
  }

  /** The order is the same at each gateway, whoever came first. */
  #gather(): void {
    const instances: Instance[] = []
    for (const side of this.#sides.values())
      for (const { instance } of side.members) instances.push(instance)
    this.#instances = instances.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    const { upstream } = this.#plan
    const hashes = upstream?.algorithm === 'consistent-hashing'
    this.#hash = hashes ? new HashKey(upstream) : undefined
    this.#picker = this.#pickerOf(this.#instances)
  }
  #pickerOf(instances: readonly Instance[]): Picker<Instance> {
    const { upstream } = this.#plan
    switch (upstream?.algorithm) {
      case 'least-connections':
        return new LeastConnections(instances)
      case 'latency':
        return new LeastLatency(instances)
      case 'consistent-hashing':
        return new HashRing(instances, upstream.slots, new RoundRobin(instances))
      default:
        return new RoundRobin(instances)
    }
  }
  /** Kong's `threshold`: percent of the weight that has to be healthy. */
  #isHealthy({ healthchecks: { threshold } }: NonNullable<WayPlan['upstream']>): boolean {
    let all = 0
    let healthy = 0
    for (const instance of this.#instances) {
      all += instance.weight
      if (instance.available) healthy += instance.weight
    }
    return healthy * 100 >= all * threshold
  }
}

/** What a request is bound to. A client without the cookie that binds gets one with the answer. */
function hashOf(key: HashKey, exchange: Exchange): number | undefined {
  const { connection, request, plugins } = exchange
  return key.of(
    {
      address: connection.address,
      path: exchange.path ?? '/',
      query: exchange.query,
      who: plugins?.consumer?.id ?? plugins?.credentialId ?? exchange.person?.id,
      captures: exchange.captures,
      header: (name) => request.header(name),
    },
    (name, path) => {
      exchange.sticky ??= { name, path, value: randomUUID() }
      return exchange.sticky.value
    },
  )
}
