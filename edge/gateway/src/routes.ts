import type { ContractDescriptor } from '@countersign/contract'
import { messageOf } from '@countersign/ground/errors'
import { EMPTY_CONFIG, type KongConfig, type Plugin } from '@countersign/kong'
import { type Narrowing, narrowedLimit } from '@countersign/policy'
import type { Watch } from '@countersign/service'
import { matchRoute, type Matched } from './domain/match-route.ts'
import type { Asked } from './domain/operator/arm.ts'
import { type Compiled, compileKong } from './domain/operator/compile.ts'
import type { OperatorBounds } from './domain/operator/operator-route.ts'
import { buildTable, EMPTY_TABLE, type RouteTable } from './domain/route-table.ts'
import type { OperatorContexts } from './door/operator-contexts.ts'
import type { Events } from './events.ts'
import { createDirectory } from './plugins/directory.ts'
import { Live } from './plugins/live.ts'
import type { Ways } from './upstream/ways.ts'
import { type Lent, ToolBox } from './plugins/tool-box.ts'

export interface RoutesOptions {
  readonly contracts: Watch<readonly ContractDescriptor[]>
  readonly narrowing: Narrowing
  readonly events: Events
  readonly plugins: readonly Plugin[]
  readonly bounds: OperatorBounds
  readonly lent: Lent
  readonly ways: Pick<Ways, 'acquire'>
  /** Told of the services whose contracts have a route, at each change. */
  readonly onServices: (names: ReadonlySet<string>) => void
}

/**
 * The routes as they are now: from published contracts with the operator's lower limits, and from Kong's entities. A
 * request keeps the route and the plugins it was matched with; a change is one assignment.
 */
export class Routes {
  readonly #options: RoutesOptions
  readonly #unlisten: () => void
  #contracts: RouteTable = EMPTY_TABLE
  #live: Live
  #compiled: Compiled
  /** The registry has told of its contracts once. */
  known = false
  /** There was a configuration. Before that nobody is let pass: what operators refuse is not known. */
  configured = false

  constructor(options: RoutesOptions) {
    this.#options = options
    const { contracts } = options
    this.#live = this.#make(EMPTY_CONFIG, new Map())
    this.#compiled = { kong: this.#live.compiled, contracts: this.#contracts }
    this.#unlisten = contracts.onChange(() => this.#refresh())
    this.#refresh()
    void contracts.first.then(() => {
      this.known = true
    })
  }

  /** The plugins that go with what `match` finds at this moment. */
  get live(): Live {
    return this.#live
  }
  /** `ourHost`: the door serves the Host whatever operators say. */
  match(asked: Asked, ourHost: boolean): Matched {
    return matchRoute(this.#compiled, asked, ourHost)
  }
  /** Whether a route of an operator names this host. */
  knowsHost(host: string): boolean {
    return this.#compiled.kong.table.knowsHost(host)
  }

  /** Serves these entities from now on. Gives back what is wrong with them; then nothing has changed. */
  apply(entities: Readonly<Record<string, readonly unknown[]>>): readonly string[] {
    try {
      const before = this.#live
      this.#live = this.#make({ ...EMPTY_CONFIG, ...entities } as KongConfig, before.contexts)
      before.retire()
      this.#publish()
      this.configured = true
      return []
    } catch (error) {
      return error instanceof Faulty ? error.faults : [messageOf(error)]
    }
  }
  close(): void {
    this.#unlisten()
    this.#options.contracts.close()
    this.#live.retire()
  }

  /** Throws `Faulty`. */
  #make(config: KongConfig, before: OperatorContexts): Live {
    const { plugins, bounds, narrowing, lent, events, ways } = this.#options
    const result = compileKong(config, { plugins, bounds, narrowing })
    if (!result.ok) throw new Faulty(result.faults)
    const toolBox = new ToolBox(lent, createDirectory(config, lent.now))
    const by = { toolBox, log: lent.log, before }
    const taken = ways.acquire(result.compiled.ways)
    let live: Live
    try {
      live = new Live(result.compiled, { ...by, ways: taken })
    } catch (error) {
      taken.release()
      throw error
    }
    taken.begin()
    if (result.compiled.notes.length > 0) events.configurationNotes(result.compiled.notes)
    return live
  }

  #refresh(): void {
    const { contracts, narrowing } = this.#options
    const narrowed = contracts.current().map(({ service, endpoints }) => ({
      service,
      endpoints: endpoints.map((endpoint) => ({
        ...endpoint,
        limit: narrowedLimit(narrowing, service, endpoint),
      })),
    }))
    this.#contracts = buildTable(narrowed, this.#contracts)
    this.#publish()
  }

  #publish(): void {
    const { events, onServices } = this.#options
    this.#compiled = { kong: this.#live.compiled, contracts: this.#contracts }
    const { routes, disputed } = this.#contracts
    const all = [...routes, ...this.#live.compiled.routes]
    onServices(new Set(routes.map((route) => route.service)))
    events.routes({
      routes: all.length,
      disputed: disputed.map(({ route, owner }) => `${route.label} of ${owner}`),
    })
  }
}

/** Entities that cannot be served. */
class Faulty extends Error {
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(faults.join('; '))
    this.faults = faults
  }
}
