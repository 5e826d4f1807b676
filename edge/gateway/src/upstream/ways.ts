import { createSecureContext } from 'node:tls'
import type { ControlConfiguration } from '@countersign/contract/platform'
import { messageOf } from '@countersign/ground/errors'
import type { Id, TargetState } from '@countersign/kong'
import type { WayPlan } from '../domain/balancing/plan.ts'
import type { Exchange } from '../exchange.ts'
import { CHECK_TICK_MS, CHECKS_MAX } from '../limits.ts'
import { Group } from './group.ts'
import { HostWay, type Services } from './host-way.ts'
import type { Instance } from './instance.ts'
import type { GroupParts, Mark } from './side.ts'
import { targetStates } from './target-health.ts'
import type { Fault } from './target-places.ts'

/** Where the requests of an operator's service go. */
export interface Way {
  readonly plan: WayPlan
  /** Rather none of `tried`. */
  choose(exchange: Exchange, tried: readonly Instance[]): Instance | undefined
  /** Set while it is not known yet who is there. */
  readonly pending: Promise<unknown> | undefined
  /** Why nobody may be asked there. */
  readonly fault: Fault | undefined
  /** Its targets; `undefined`: it goes to a service of the registry. */
  readonly group: Group | undefined
  update(plan: WayPlan): void
  close(): void
}
/** The ways of one configuration, by the id of the service. `release` when its last request is over, or it is not served. */
export interface WaySet {
  get(service: Id): Way | undefined
  /** The configuration is served from now on: what was there before takes over what has changed. */
  begin(): void
  release(): void
}
type Held = { readonly way: Way; users: number }

/**
 * The ways of all configurations that are in use. What two have in common is one: connections and health outlive a change,
 * and a request that began with the old configuration ends with it.
 */
export class Ways {
  readonly #parts: GroupParts
  readonly #services: Services
  readonly #held = new Map<string, Held>()
  readonly #ticking: NodeJS.Timeout
  #marks: ReadonlyMap<Id, Mark> = new Map()
  #checks = 0

  constructor(parts: Omit<GroupParts, 'markOf'>, services: Services) {
    this.#parts = { ...parts, markOf: (target) => this.#marks.get(target) }
    this.#services = services
    this.#ticking = setInterval(() => this.#check(), CHECK_TICK_MS).unref()
  }

  /** The ways of a configuration. Throws where a certificate or key of it cannot be used; then nothing is taken. */
  acquire(plans: ReadonlyMap<Id, WayPlan>): WaySet {
    for (const plan of plans.values()) checkLink(plan)
    const taken = new Map<string, Held>()
    const byService = new Map<Id, Way>()
    const newest = new Map<string, WayPlan>()
    for (const [service, plan] of plans) {
      const held = taken.get(plan.key) ?? this.#take(plan)
      taken.set(plan.key, held)
      newest.set(plan.key, plan)
      byService.set(service, held.way)
    }
    return {
      get: (service) => byService.get(service),
      begin: () => {
        for (const [key, plan] of newest) taken.get(key)?.way.update(plan)
      },
      release: () => {
        for (const [key, held] of taken) this.#release(key, held)
        taken.clear()
      },
    }
  }
  /** What operators have said of targets. */
  mark(overrides: ControlConfiguration['overrides']): void {
    this.#marks = new Map(overrides.map((each) => [each.target, each]))
    for (const group of this.groups()) group.mark()
  }
  *groups(): Iterable<Group> {
    for (const { way } of this.#held.values()) if (way.group !== undefined) yield way.group
  }
  /** For Kong's `kong_upstream_target_health`. */
  targets(): Iterable<TargetState> {
    return targetStates(this.groups())
  }
  close(): void {
    clearInterval(this.#ticking)
    for (const { way } of this.#held.values()) way.close()
    this.#held.clear()
  }

  #take(plan: WayPlan): Held {
    const known = this.#held.get(plan.key)
    if (known !== undefined) {
      known.users++
      return known
    }
    const held: Held = { way: this.#make(plan), users: 1 }
    this.#held.set(plan.key, held)
    return held
  }
  #make(plan: WayPlan): Way {
    return plan.upstream === undefined
      ? new HostWay(plan, this.#services, () => new Group(plan, this.#parts))
      : new UpstreamWay(new Group(plan, this.#parts))
  }
  #release(key: string, held: Held): void {
    if (--held.users > 0) return
    this.#held.delete(key)
    held.way.close()
  }
  #check(): void {
    const now = performance.now()
    for (const group of this.groups())
      for (const check of group.check(now, CHECKS_MAX - this.#checks)) {
        this.#checks++
        void check.finally(() => {
          this.#checks--
        })
      }
  }
}

function checkLink({ name, link: { roots, clientCertificate } }: WayPlan): void {
  if (roots === undefined && clientCertificate === undefined) return
  try {
    createSecureContext({ ...(roots === undefined ? {} : { ca: roots }), ...clientCertificate })
  } catch (error) {
    throw new Error(`the certificates towards ${name} cannot be used: ${messageOf(error)}`)
  }
}

/** To the targets of an upstream entity. */
class UpstreamWay implements Way {
  readonly group: Group
  constructor(group: Group) {
    this.group = group
  }
  get plan(): WayPlan {
    return this.group.plan
  }
  get pending(): Promise<unknown> | undefined {
    return this.group.pending
  }
  get fault(): Fault | undefined {
    return this.group.fault
  }
  choose(exchange: Exchange, tried: readonly Instance[]): Instance | undefined {
    return this.group.choose(exchange, tried)
  }
  update(plan: WayPlan): void {
    this.group.update(plan)
  }
  close(): void {
    this.group.close()
  }
}
