import type { Id, Plugin, PluginEntity } from '@countersign/kong'

/*
 * Which plugins run for a request, as Kong decides it: of each plugin the most specific entity, whatever the others say;
 * then the higher priority first. In Kong's order of specificity (consumer groups are not there): consumer with route and
 * service, consumer with route, consumer with service, route with service, consumer, route, service, everywhere.
 */

/** An entity with the plugin that it configures. */
export interface PlannedPlugin {
  readonly entity: PluginEntity
  readonly plugin: Plugin
  readonly config: unknown
}

/** One plugin of a chain. Numbers are places in the list of planned plugins. */
export interface Slot {
  readonly name: string
  readonly priority: number
  /** For everybody whose own is not in `byConsumer`; `undefined`: for nobody else. */
  readonly common: number | undefined
  readonly byConsumer: ReadonlyMap<Id, number> | undefined
}
/** Slots in the order in which they run. */
export type Chain = readonly Slot[]

interface Where {
  readonly route: Id | undefined
  readonly service: Id | undefined
}

/** The planned plugins, found by where they stand. */
export class PluginIndex {
  readonly #planned: readonly PlannedPlugin[]
  readonly #byRoute = new Map<Id, number[]>()
  readonly #byService = new Map<Id, number[]>()
  readonly #elsewhere: number[] = []

  constructor(planned: readonly PlannedPlugin[]) {
    this.#planned = planned
    for (const [at, { entity }] of planned.entries()) {
      if (entity.route !== null) put(this.#byRoute, entity.route.id, at)
      else if (entity.service !== null) put(this.#byService, entity.service.id, at)
      else this.#elsewhere.push(at)
    }
  }

  /** Whether some entity names this route. */
  hasRoute(route: Id): boolean {
    return this.#byRoute.has(route)
  }

  /** The chain at a place. `wanted` leaves out what has no say there. */
  chainAt({ route, service }: Where, wanted: (plugin: PlannedPlugin) => boolean): Chain {
    const byName = new Map<string, number[]>()
    const places = [
      ...(route === undefined ? [] : (this.#byRoute.get(route) ?? [])),
      ...(service === undefined ? [] : (this.#byService.get(service) ?? [])),
      ...this.#elsewhere,
    ]
    for (const at of places) {
      const planned = this.#planned[at]
      if (planned === undefined || !wanted(planned)) continue
      const of = planned.entity.service
      // An entity of a route may name a service, too: it stands where both fit.
      if (of !== null && of.id !== service) continue
      put(byName, planned.entity.name, at)
    }
    return [...byName].map(([name, found]) => this.#slot(name, found)).sort(compareSlots)
  }

  /** One pass over what was found: there can be an entity for each of thousands of consumers. */
  #slot(name: string, found: readonly number[]): Slot {
    const priority = this.#planned[found[0] ?? 0]?.plugin.priority ?? 0
    let common: number | undefined
    const own = new Map<Id, number>()
    for (const at of found) {
      const consumer = this.#consumerOf(at)
      if (consumer === undefined) common = this.#better(at, common)
      else own.set(consumer, this.#better(at, own.get(consumer)))
    }
    const byConsumer = new Map<Id, number>()
    for (const [consumer, at] of own)
      if (this.#better(at, common) === at) byConsumer.set(consumer, at)
    return { name, priority, common, byConsumer: byConsumer.size === 0 ? undefined : byConsumer }
  }

  #better(at: number, than: number | undefined): number {
    return than === undefined || this.#rank(at) > this.#rank(than) ? at : than
  }

  #rank(at: number): number {
    const entity = this.#planned[at]?.entity
    if (entity === undefined) return -1
    const [consumer, route, service] = [entity.consumer, entity.route, entity.service]
    const combined = Number(consumer !== null) + Number(route !== null) + Number(service !== null)
    // More of the three first; among as many a consumer counts for more than a route, and that for more than a service.
    return combined * 8 + Number(consumer !== null) * 4 + Number(route !== null) * 2
  }

  #consumerOf(at: number): Id | undefined {
    return this.#planned[at]?.entity.consumer?.id
  }
}

/** Kong leaves the order of equal priorities to the name. */
function compareSlots(a: Slot, b: Slot): number {
  return b.priority - a.priority || (a.name < b.name ? -1 : 1)
}

function put<K>(map: Map<K, number[]>, key: K, value: number): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, [value])
  else known.push(value)
}
