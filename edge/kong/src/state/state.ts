import { COLLECTIONS, type Entity, refId, specOf } from '../collections.ts'
import type { Collection, Id, KongConfig } from '../entities.ts'
import { normalTarget } from '../schemas/upstream.ts'

/** All entities at one moment. Never changed: a change makes another one, which shares what is the same. */
export type KongState = ReadonlyMap<Collection, ReadonlyMap<Id, Entity>>

export const EMPTY_STATE: KongState = new Map(COLLECTIONS.map((name) => [name, new Map()]))

/** One entity that has come, gone or become another. */
export interface Change {
  readonly collection: Collection
  readonly id: Id
  readonly before: Entity | undefined
  readonly after: Entity | undefined
}

/** A state on its way to the next one. */
export class Draft {
  readonly #base: KongState
  readonly #next = new Map<Collection, Map<Id, Entity>>()
  constructor(base: KongState) {
    this.#base = base
  }

  all(collection: Collection): ReadonlyMap<Id, Entity> {
    return this.#next.get(collection) ?? this.#base.get(collection) ?? new Map()
  }
  get(collection: Collection, id: Id): Entity | undefined {
    return this.all(collection).get(id)
  }
  put(collection: Collection, entity: Entity): void {
    this.#own(collection).set(entity.id, entity)
  }
  remove(collection: Collection, id: Id): void {
    this.#own(collection).delete(id)
  }

  get state(): KongState {
    return this.#next.size === 0 ? this.#base : new Map([...this.#base, ...this.#next])
  }
  /** What is different from the state it began with; an entity that was put as it was is not. */
  get changes(): readonly Change[] {
    const changes: Change[] = []
    for (const [collection, next] of this.#next) {
      const base = this.#base.get(collection) ?? new Map<Id, Entity>()
      for (const [id, after] of next)
        if (base.get(id) !== after) changes.push({ collection, id, before: base.get(id), after })
      for (const [id, before] of base)
        if (!next.has(id)) changes.push({ collection, id, before, after: undefined })
    }
    return changes
  }

  #own(collection: Collection): Map<Id, Entity> {
    const own = this.#next.get(collection) ?? new Map(this.#base.get(collection))
    this.#next.set(collection, own)
    return own
  }
}

/** Finds an entity by its id, or by the field that stands in for it. `within`: only below this parent. */
export function find(
  entities: ReadonlyMap<Id, Entity>,
  collection: Collection,
  {
    idOrKey,
    within,
  }: { readonly idOrKey: string; readonly within?: Readonly<Record<string, Id>> | undefined },
): Entity | undefined {
  const inside = (entity: Entity): boolean =>
    within === undefined ||
    Object.entries(within).every(([field, id]) => refId(entity, field) === id)
  const byId = entities.get(idOrKey.toLowerCase())
  if (byId !== undefined) return inside(byId) ? byId : undefined
  const { key } = specOf(collection)
  if (key === undefined) return undefined
  // A target is found as it was given, also without its port.
  const asked = collection === 'targets' ? (normalTarget(idOrKey) ?? idOrKey) : idOrKey
  for (const entity of entities.values()) if (entity[key] === asked && inside(entity)) return entity
  return undefined
}

/** The state as the gateways get it: entities in the order of their making, then of their ids. */
export function configOf(state: KongState): KongConfig {
  const sorted = COLLECTIONS.map((name) => [
    name,
    [...(state.get(name)?.values() ?? [])].sort(inOrder),
  ])
  return Object.fromEntries(sorted) as unknown as KongConfig
}
export function stateOf(config: KongConfig): KongState {
  return new Map(
    COLLECTIONS.map((name) => {
      const entities = config[name] as unknown as readonly Entity[]
      return [name, new Map(entities.map((entity) => [entity.id, entity]))]
    }),
  )
}
export const inOrder = (a: Entity, b: Entity): number =>
  a.created_at - b.created_at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
