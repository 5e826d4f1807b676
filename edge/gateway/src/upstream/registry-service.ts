import { workloadId } from '@countersign/contract'
import type { HealthEntry } from '@countersign/contract/platform'
import type { Instances, Workload } from '@countersign/service'
import { type Picker, NOBODY } from '../domain/balancing/member.ts'
import { TwoChoices } from '../domain/balancing/pickers.ts'
import type { Events } from '../events.ts'
import { INSTANCES_MAX } from '../limits.ts'
import { Instance, type InstanceBounds } from './instance.ts'

/** What ways to services are made with. */
export interface WayParts {
  readonly workload: Pick<Workload, 'identity' | 'instances' | 'trustDomain' | 'log'>
  readonly events: Events
  /** Clock of breakers and of slow return: milliseconds that do not go back. */
  readonly now: () => number
  readonly bounds: InstanceBounds
}

/** The instances of a service of the platform, kept up to date by a watch of the registry. All count alike. */
export class RegistryService {
  readonly #name: string
  readonly #parts: WayParts
  readonly #watch: Instances
  readonly #instances = new Map<string, Instance>()
  readonly #listed: Instance[] = []
  readonly #picker: Picker<Instance> = new TwoChoices(this.#listed, Math.random)
  readonly #unlisten: () => void
  /** The registry has told of an instance at some time: then this name is one of ours, and no other place is looked for. */
  known = false
  /** Told when that begins. */
  onKnown: () => void = () => {}

  constructor(name: string, parts: WayParts) {
    this.#name = name
    this.#parts = parts
    this.#watch = parts.workload.instances(name)
    this.#unlisten = this.#watch.onChange(() => this.#refresh())
    this.#refresh()
  }

  /** Resolves when the registry has answered. */
  get first(): Promise<void> {
    return this.#watch.first
  }
  get instances(): readonly Instance[] {
    return this.#listed
  }
  choose(tried: readonly Instance[] = NOBODY): Instance | undefined {
    return this.#picker.pick(0, tried, undefined)
  }
  close(): void {
    this.#unlisten()
    this.#watch.close()
    for (const instance of this.#instances.values()) this.#drop(instance)
    this.#instances.clear()
    this.#listed.length = 0
  }

  /** An instance that stays keeps its connections; one that comes back at another place is another one. */
  #refresh(): void {
    const entries = new Map<string, HealthEntry['Service']>()
    for (const { Service } of this.#watch.current().slice(0, INSTANCES_MAX))
      entries.set(Service.ID, Service)
    for (const [id, instance] of this.#instances) {
      const entry = entries.get(id)
      if (entry !== undefined && instance.address === `${entry.Address}:${entry.Port}`) continue
      this.#instances.delete(id)
      this.#drop(instance)
    }
    for (const entry of entries.values())
      if (!this.#instances.has(entry.ID)) this.#instances.set(entry.ID, this.#make(entry))
    this.#listed.splice(0, this.#listed.length, ...this.#instances.values())
    if (this.known || this.#listed.length === 0) return
    this.known = true
    this.onKnown()
  }
  #make({ ID: id, Address, Port }: HealthEntry['Service']): Instance {
    const { workload, events, now, bounds } = this.#parts
    const service = this.#name
    return new Instance({
      ...{ id, service, now, bounds },
      address: { host: Address, port: Port },
      expectedId: workloadId(workload.trustDomain, service),
      identity: workload.identity,
      log: workload.log,
      onBreaker: (mode) => events.breaker(service, id, mode),
    })
  }
  #drop(instance: Instance): void {
    instance.close()
    this.#parts.events.instanceGone(this.#name, instance.id)
  }
}
