import type { ContractDescriptor } from '@countersign/contract'
import { type Narrowing, narrowedLimit } from '@countersign/policy'
import type { Watch } from '@countersign/service'
import { buildTable, EMPTY_TABLE, type PrefixRoute, type RouteTable } from './domain/route-table.ts'
import type { Events } from './events.ts'

/**
 * The routes as they are now: from published contracts and from kong.yml, with the operator's lower limits. A request keeps
 * the route it was matched with; a change is one assignment.
 */
export class Routes {
  readonly #contracts: Watch<readonly ContractDescriptor[]>
  readonly #prefixes: readonly PrefixRoute[]
  readonly #narrowing: Narrowing
  readonly #events: Events
  readonly #unlisten: () => void
  readonly #onServices: (names: ReadonlySet<string>) => void
  table: RouteTable = EMPTY_TABLE
  /** The registry has told of its contracts once. */
  known = false

  constructor(options: {
    readonly contracts: Watch<readonly ContractDescriptor[]>
    readonly prefixes: readonly PrefixRoute[]
    readonly narrowing: Narrowing
    readonly events: Events
    /** Told of the services that have a route, at each change. */
    readonly onServices: (names: ReadonlySet<string>) => void
  }) {
    this.#contracts = options.contracts
    this.#narrowing = options.narrowing
    this.#events = options.events
    this.#onServices = options.onServices
    this.#prefixes = options.prefixes.map((each) => {
      const { service, endpoint } = each.route
      const limit = narrowedLimit(this.#narrowing, service, endpoint)
      return { ...each, route: { ...each.route, endpoint: { ...endpoint, limit } } }
    })
    this.#unlisten = this.#contracts.onChange(() => this.#refresh())
    this.#refresh()
    void this.#contracts.first.then(() => {
      this.known = true
    })
  }
  close(): void {
    this.#unlisten()
    this.#contracts.close()
  }

  #refresh(): void {
    const contracts = this.#contracts.current().map(({ service, endpoints }) => ({
      service,
      endpoints: endpoints.map((endpoint) => ({
        ...endpoint,
        limit: narrowedLimit(this.#narrowing, service, endpoint),
      })),
    }))
    this.table = buildTable(contracts, this.#prefixes, this.table)
    const { routes, disputed, prefixes } = this.table
    const all = [...routes, ...prefixes.map((each) => each.route)]
    this.#onServices(new Set(all.map((route) => route.service)))
    this.#events.routes({
      routes: all.length,
      disputed: disputed.map(({ route, owner }) => `${route.label} of ${owner}`),
    })
  }
}
