import { isIP } from 'node:net'
import type { WayPlan } from '../domain/balancing/plan.ts'
import type { Exchange } from '../exchange.ts'
import type { Group } from './group.ts'
import type { Instance } from './instance.ts'
import type { RegistryService } from './registry-service.ts'
import { type Fault, SERVICE_NAME } from './target-places.ts'
import type { Way } from './ways.ts'

/** The services of the registry that somebody wants to reach. Each `enter` has its `leave`. */
export interface Services {
  enter(name: string): RegistryService
  leave(name: string): void
}

/**
 * To a host that is no upstream entity: a service of the registry, if there ever was one of this name; otherwise whom the
 * name servers mean.
 */
export class HostWay implements Way {
  readonly #services: Services
  readonly #makeGroup: () => Group
  readonly #service: RegistryService | undefined
  #plan: WayPlan
  #group: Group | undefined
  #pending: Promise<unknown> | undefined
  #closed = false

  constructor(plan: WayPlan, services: Services, makeGroup: () => Group) {
    this.#plan = plan
    this.#services = services
    this.#makeGroup = makeGroup
    const { name } = plan
    if (isIP(name) !== 0 || name === 'localhost' || !SERVICE_NAME.test(name)) {
      this.#group = makeGroup()
      return
    }
    const service = services.enter(name)
    this.#service = service
    this.#pending = service.first.then(() => this.#told(service))
  }

  get plan(): WayPlan {
    return this.#plan
  }
  get group(): Group | undefined {
    return this.#isOurs ? undefined : this.#group
  }
  get pending(): Promise<unknown> | undefined {
    if (this.#isOurs) return undefined
    return this.#group === undefined ? this.#pending : this.#group.pending
  }
  get fault(): Fault | undefined {
    return this.group?.fault
  }
  choose(exchange: Exchange, tried: readonly Instance[]): Instance | undefined {
    return this.#isOurs ? this.#service?.choose(tried) : this.#group?.choose(exchange, tried)
  }
  update(plan: WayPlan): void {
    this.#plan = plan
    this.#group?.update(plan)
  }
  close(): void {
    this.#closed = true
    if (this.#service !== undefined) this.#services.leave(this.#plan.name)
    this.#group?.close()
  }

  get #isOurs(): boolean {
    return this.#service?.known === true
  }
  /** The registry has told what it has: where that is nothing, name servers are asked. */
  async #told(service: RegistryService): Promise<void> {
    if (this.#closed) return
    if (!service.known) {
      this.#group = this.#makeGroup()
      service.onKnown = () => {
        this.#group?.close()
        this.#group = undefined
      }
      await this.#group.pending
    }
  }
}
