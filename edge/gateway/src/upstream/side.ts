import { messageOf } from '@countersign/ground/errors'
import type { Breaker } from '@countersign/layers'
import { type ActiveRules, passiveRules } from '../domain/balancing/checks.ts'
import type { TargetPlan, WayPlan } from '../domain/balancing/plan.ts'
import type { Leave } from './address-guard.ts'
import { authorityOf, connectionTo } from './connection-to.ts'
import { HealthCheck } from './health-check.ts'
import { Instance } from './instance.ts'
import type { Names } from './names.ts'
import type { WayParts } from './registry-service.ts'
import { type Place, TargetPlaces } from './target-places.ts'

/** What an operator has said of a target. */
export interface Mark {
  readonly healthy: boolean
  /** Milliseconds since 1970. */
  readonly at: number
}
export interface GroupParts extends WayParts {
  readonly names: Names
  readonly leave: Leave
  /** `undefined`: nothing was said of the target. */
  readonly markOf: (target: string) => Mark | undefined
}
/** One place of a target, with its check. */
export interface Member {
  readonly instance: Instance
  readonly check: HealthCheck
  readonly place: Place
}
export interface SideOptions {
  readonly way: WayPlan
  readonly rules: ActiveRules
  readonly parts: GroupParts
  /** Told when a member comes or goes. */
  readonly onChange: () => void
}

/** One target: where it is found, and the members that stand for it there. */
export class Side {
  readonly places: TargetPlaces
  readonly #options: SideOptions
  readonly #members = new Map<string, Member>()
  #plan: TargetPlan
  #way: WayPlan
  #rules: ActiveRules
  #markedAt = -1

  constructor(plan: TargetPlan, options: SideOptions) {
    const { way, rules, parts } = options
    this.#options = options
    this.#plan = plan
    this.#way = way
    this.#rules = rules
    this.places = new TargetPlaces(plan, {
      instances: parts.workload.instances,
      names: parts.names,
      leave: parts.leave,
      secure: way.link.secure,
      services: way.upstream?.use_srv_name === true,
      onChange: () => this.#refresh(),
    })
    this.#refresh()
  }

  get plan(): TargetPlan {
    return this.#plan
  }
  get members(): Iterable<Member> {
    return this.#members.values()
  }
  /** Takes over what a running target can: weight, checks, and what an operator has said. */
  update(plan: TargetPlan, way: WayPlan, rules: ActiveRules): void {
    this.#plan = plan
    this.#way = way
    this.#rules = rules
    for (const { instance, check, place } of this.#members.values()) {
      instance.weight = weightOf(place, plan)
      instance.passive = passiveOf(way)
      check.rules = rules
    }
    this.mark()
  }
  /** Each word of an operator turns the target once; what checks find later holds. */
  mark(): void {
    const { id } = this.#plan
    const mark = id === undefined ? undefined : this.#options.parts.markOf(id)
    if (mark === undefined || mark.at === this.#markedAt) return
    this.#markedAt = mark.at
    for (const member of this.#members.values()) turn(member, mark)
  }
  close(): void {
    this.places.close()
    for (const member of this.#members.values()) this.#drop(member)
    this.#members.clear()
  }

  #refresh(): void {
    // The first answer may come while the places are made.
    const { places } = this
    if (places === undefined) return
    const found = new Map(places.places.map((place) => [keyOf(place), place]))
    for (const [key, member] of this.#members) {
      if (found.has(key)) continue
      this.#members.delete(key)
      this.#drop(member)
    }
    for (const [key, place] of found) if (!this.#members.has(key)) this.#add(key, place)
    this.#options.onChange()
  }

  #add(key: string, place: Place): void {
    try {
      this.#members.set(key, this.#make(place))
    } catch (error) {
      const { target } = this.#plan
      const reason = messageOf(error)
      this.#options.parts.workload.log.error({ target, reason }, 'a target cannot be connected to')
    }
  }
  #make(place: Place): Member {
    const { parts } = this.#options
    const { workload, events, now, bounds } = parts
    const connection = connectionTo(place, this.#plan, { link: this.#way.link, workload })
    const id = place.instance ?? `${this.#plan.target}@${place.host}`
    const service = this.#way.name
    const passive = passiveOf(this.#way)
    const instance = new Instance({
      ...connection,
      ...{ id, service, now, bounds },
      authority: authorityOf(place, this.#plan, this.#way.link),
      weight: weightOf(place, this.#plan),
      ...(passive === undefined ? {} : { passive }),
      onBreaker: (mode: Breaker['mode']) => events.breaker(service, id, mode),
    })
    const at = { rules: this.#rules, connection, now: performance.now() }
    const member = { instance, place, check: new HealthCheck(instance, at) }
    const { id: target } = this.#plan
    const mark = target === undefined ? undefined : parts.markOf(target)
    if (mark?.healthy === false && mark.at === this.#markedAt) turn(member, mark)
    return member
  }
  #drop({ instance, check }: Member): void {
    check.close()
    instance.close()
    this.#options.parts.events.instanceGone(this.#way.name, instance.id)
  }
}

function turn({ instance, check }: Member, { healthy }: Mark): void {
  check.reset()
  check.held = !healthy
  if (healthy) instance.reset()
  else instance.up = false
}

const keyOf = ({ host, port, instance = '', name = '' }: Place): string =>
  `${instance}|${name}|${host}|${port}`
/** A target of weight 0 drains, whatever a service record says. */
const weightOf = (place: Place, { weight }: TargetPlan): number =>
  weight === 0 ? 0 : (place.weight ?? weight)
const passiveOf = ({ upstream }: WayPlan) =>
  upstream === undefined ? undefined : passiveRules(upstream.healthchecks)
