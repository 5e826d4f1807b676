import {
  type Collection,
  type Entity,
  find,
  hideSecrets,
  type Id,
  notesOf,
  type Plugin,
  snisOf,
  unsupported,
} from '@countersign/kong'
import type { Declared } from '../declared.ts'
import { isRoot } from '../own-roots.ts'
import type { ControlPlane } from '../plane/control-plane.ts'

/** What the Admin API shows: the entities of the operators, and beside them those that others declare. */
export class View {
  readonly #plane: ControlPlane
  readonly #declared: () => Declared
  readonly #plugins: readonly Plugin[]
  constructor(parts: {
    plane: ControlPlane
    declared: () => Declared
    plugins: readonly Plugin[]
  }) {
    this.#plane = parts.plane
    this.#declared = parts.declared
    this.#plugins = parts.plugins
  }

  all(collection: Collection): readonly Entity[] {
    const own = this.#own(collection)
    const declared = this.#declared().get(collection)
    return declared === undefined ? [...own.values()] : [...own.values(), ...declared.values()]
  }

  /** By id or by name; those of the operators come first. */
  find(
    collection: Collection,
    idOrKey: string,
    within?: Readonly<Record<string, Id>>,
  ): Entity | undefined {
    const asked = { idOrKey, within }
    const declared = this.#declared().get(collection)
    return (
      find(this.#own(collection), collection, asked) ??
      (declared === undefined ? undefined : find(declared, collection, asked))
    )
  }

  /** Throws `KongError` 12 for an entity that cannot be changed here. */
  mustBeOwn(collection: Collection, entity: Entity): void {
    if (
      this.#declared().get(collection)?.has(entity.id) === true &&
      !this.#own(collection).has(entity.id)
    )
      throw unsupported(
        `'${String(entity.name ?? entity.id)}' of '${collection}' comes from the contract of a service and is changed there, not here`,
      )
    if (collection === 'ca_certificates' && isRoot(entity))
      throw unsupported(
        'a root of the platform comes and goes with the authorities, and cannot be changed here',
      )
  }

  /** An entity as it is answered: without private keys, with server names and notes. */
  show(collection: Collection, entity: Entity): Entity {
    const state = this.#plane.state
    const own = this.#own(collection).has(entity.id)
    const shown = collection === 'certificates' ? hideSecrets(collection, entity) : entity
    const snis =
      collection === 'certificates'
        ? { snis: snisOf({ all: (name) => state.get(name) ?? new Map() }, entity.id) }
        : {}
    const notes = own
      ? notesOf(state, collection, entity, this.#plugins)
      : ['declared in the contract of a service: it is shown here and changed there']
    return { ...shown, ...snis, ...(notes.length === 0 ? {} : { countersign: { notes } }) }
  }

  #own(collection: Collection): ReadonlyMap<Id, Entity> {
    return this.#plane.state.get(collection) ?? new Map()
  }
}
