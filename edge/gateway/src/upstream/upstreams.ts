import { NOBODY } from '../domain/balancing/member.ts'
import { routeOf } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'
import type { Instance } from './instance.ts'
import { RegistryService } from './registry-service.ts'
import type { GroupParts } from './side.ts'
import type { Fault } from './target-places.ts'
import { type Way, Ways } from './ways.ts'

interface Service {
  readonly service: RegistryService
  users: number
}

/** Where requests go: to the services whose contracts have routes, and where operators send them. */
export class Upstreams {
  readonly ways: Ways
  readonly #parts: Omit<GroupParts, 'markOf'>
  readonly #services = new Map<string, Service>()
  #followed: ReadonlySet<string> = new Set()

  constructor(parts: Omit<GroupParts, 'markOf'>) {
    this.#parts = parts
    this.ways = new Ways(parts, this)
  }

  /** Follows these services and no others but those of operators. Those that are gone may finish what is under way. */
  follow(names: ReadonlySet<string>): void {
    const before = this.#followed
    this.#followed = names
    for (const name of names) if (!before.has(name)) this.enter(name)
    for (const name of before) if (!names.has(name)) this.leave(name)
  }

  /**
   * The instance for a request, none that was tried; once more the same where there was only one. `undefined` where none may
   * be called.
   */
  choose(exchange: Exchange, tried: readonly Instance[]): Instance | undefined {
    const other = this.#choose(exchange, tried)
    return other === undefined && tried.length === 1 ? this.#choose(exchange, NOBODY) : other
  }
  #choose(exchange: Exchange, tried: readonly Instance[]): Instance | undefined {
    const route = routeOf(exchange)
    return route.operator === undefined
      ? this.#services.get(route.service)?.service.choose(tried)
      : wayOf(exchange)?.choose(exchange, tried)
  }
  /** Set while it is not known yet where a request goes. */
  pending(exchange: Exchange): Promise<unknown> | undefined {
    return wayOf(exchange)?.pending
  }
  /** Why a request can go nowhere. */
  fault(exchange: Exchange): Fault | undefined {
    return wayOf(exchange)?.fault
  }

  enter(name: string): RegistryService {
    const known = this.#services.get(name)
    if (known !== undefined) {
      known.users++
      return known.service
    }
    const service = new RegistryService(name, this.#parts)
    this.#services.set(name, { service, users: 1 })
    return service
  }
  leave(name: string): void {
    const known = this.#services.get(name)
    if (known === undefined || --known.users > 0) return
    this.#services.delete(name)
    known.service.close()
  }
  close(): void {
    this.ways.close()
    for (const { service } of this.#services.values()) service.close()
    this.#services.clear()
  }
}

/** Of the configuration that the request began with. */
function wayOf({ route, live }: Exchange): Way | undefined {
  const id = route?.operator?.kongService?.id
  return id === undefined ? undefined : live?.ways.get(id)
}
