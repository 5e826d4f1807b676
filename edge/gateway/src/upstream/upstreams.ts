import { workloadId } from '@countersign/contract'
import type { HealthEntry } from '@countersign/contract/platform'
import { createBreaker, pickInstance } from '@countersign/layers'
import type { Instances, Workload } from '@countersign/service'
import type { Events } from '../events.ts'
import { INSTANCES_MAX } from '../limits.ts'
import { Instance } from './instance.ts'

type Needs = Pick<Workload, 'identity' | 'instances' | 'trustDomain' | 'log'>

interface Service {
  readonly watch: Instances
  readonly instances: Map<string, Instance>
}

/** The instances of all services that have a route, kept up to date by the registry's watches. */
export class Upstreams {
  readonly #workload: Needs
  readonly #events: Events
  readonly #now: () => number
  readonly #services = new Map<string, Service>()

  /** `now`: the clock of the breakers, in milliseconds that do not go back. A test gives its own. */
  constructor(workload: Needs, events: Events, now: () => number = () => performance.now()) {
    this.#workload = workload
    this.#events = events
    this.#now = now
  }

  /** Follows these services and no others. Those that are gone may finish what is under way. */
  follow(names: ReadonlySet<string>): void {
    for (const name of names) if (!this.#services.has(name)) this.#begin(name)
    for (const [name, service] of this.#services) {
      if (names.has(name)) continue
      this.#services.delete(name)
      service.watch.close()
      for (const instance of service.instances.values()) this.#drop(name, instance)
    }
  }

  /** The instance for a call, rather not the one that was tried; `undefined` where none may be called. */
  choose(name: string, tried: Instance | undefined): Instance | undefined {
    const service = this.#services.get(name)
    if (service === undefined) return undefined
    return pickInstance([...service.instances.values()], Math.random, tried)
  }

  close(): void {
    for (const service of this.#services.values()) {
      service.watch.close()
      for (const instance of service.instances.values()) instance.close()
    }
    this.#services.clear()
  }

  #begin(name: string): void {
    const service: Service = {
      watch: this.#workload.instances(name),
      instances: new Map(),
    }
    this.#services.set(name, service)
    service.watch.onChange(() => this.#refresh(name, service))
    this.#refresh(name, service)
  }

  /** An instance that stays keeps its connections; one that comes back at another place is another one. */
  #refresh(name: string, service: Service): void {
    const entries = new Map<string, HealthEntry['Service']>()
    for (const { Service } of service.watch.current().slice(0, INSTANCES_MAX))
      entries.set(Service.ID, Service)
    for (const [id, instance] of service.instances) {
      const entry = entries.get(id)
      if (entry !== undefined && instance.address === `${entry.Address}:${entry.Port}`) continue
      service.instances.delete(id)
      this.#drop(name, instance)
    }
    for (const [id, { Address, Port }] of entries) {
      if (service.instances.has(id)) continue
      service.instances.set(
        id,
        new Instance({
          id,
          service: name,
          address: { host: Address, port: Port },
          expectedId: workloadId(this.#workload.trustDomain, name),
          identity: this.#workload.identity,
          log: this.#workload.log,
          breaker: createBreaker({
            now: this.#now,
            onChange: (state) => this.#events.breaker(name, id, state),
          }),
        }),
      )
    }
  }
  #drop(name: string, instance: Instance): void {
    instance.close()
    this.#events.instanceGone(name, instance.id)
  }
}
