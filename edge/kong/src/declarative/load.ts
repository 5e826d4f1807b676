import { isRecord } from '../check.ts'
import { COLLECTIONS, type Entity, refId, specOf } from '../collections.ts'
import type { Collection, Id } from '../entities.ts'
import { type Fields, KongError } from '../errors.ts'
import { sameJson } from '../input/safe-json.ts'
import { ENTITIES_MAX } from '../limits.ts'
import { placeOf } from '../secrets.ts'
import { buildEntity, type Input, type World } from '../state/build-entity.ts'
import { checkReferences, keyOf } from '../state/rules.ts'
import { Draft, EMPTY_STATE, find, type KongState } from '../state/state.ts'
import { stableId } from '../uuid-v5.ts'
import { type Item, takeApart } from './items.ts'
import { DeclarativeError, type Mistake } from './mistakes.ts'
import { naturalKey } from './natural-key.ts'
import { withRegexMarks } from './regex-paths.ts'
import { DeclarativeText } from './text.ts'
import { isUuidText } from '../schemas/kinds.ts'

export interface Loading {
  readonly world: World
  /** What there is now: an entity that stays as it is keeps its times. */
  readonly before: KongState
  /** Entities that are no business of the text and stay. */
  readonly keep?: readonly { readonly collection: Collection; readonly entity: Entity }[]
  /** Opens a secret that an export has sealed for this place. Throws where it is not ours, or for another one. */
  readonly openSealed?: (sealed: string, place: string) => string
}

/**
 * Reads a declarative configuration (https://developer.konghq.com/gateway/db-less-mode/): YAML or JSON, nested or flat, of
 * format 1.1, 2.1 or 3.0. The same text gives the same entities. Throws `DeclarativeError` with all mistakes at once.
 */
export function loadDeclarative(text: string, file: string, loading: Loading): KongState {
  const source = new DeclarativeText(text, file)
  if (source.broken.length > 0)
    throw new DeclarativeError(source, [{ path: [], fields: { error: source.broken.join('; ') } }])
  const taken = takeApart(source.value)
  const loader = new Loader(loading, taken.version, taken.mistakes)
  for (const name of COLLECTIONS)
    loader.load(taken.items.filter(({ collection }) => collection === name))
  loader.checkUnique()
  if (taken.items.length > ENTITIES_MAX)
    loader.mistakes.push({
      path: [],
      fields: { '@entity': [`at most ${ENTITIES_MAX} entities are kept here`] },
    })
  if (loader.mistakes.length > 0) throw new DeclarativeError(source, loader.mistakes)
  return loader.draft.state
}

/** Builds entities, parents before children, and notes what is wrong with each. */
class Loader {
  readonly draft = new Draft(EMPTY_STATE)
  readonly mistakes: Mistake[]
  readonly #loading: Loading
  readonly #version: string
  readonly #items = new Map<Id, Item>()
  readonly #ordinals = new Map<string, number>()
  readonly #named = new Map<string, Item>()

  constructor(loading: Loading, version: string, mistakes: readonly Mistake[]) {
    this.#loading = loading
    this.#version = version
    this.mistakes = [...mistakes]
    for (const { collection, entity } of loading.keep ?? []) this.draft.put(collection, entity)
  }

  load(items: readonly Item[]): void {
    for (const item of items) {
      try {
        this.#loadOne(item)
      } catch (error) {
        if (!(error instanceof KongError)) throw error
        this.#wrong(item, error.fields ?? { '@entity': [error.message] })
      }
    }
  }

  /** What only one entity can have: told of the second one. */
  checkUnique(): void {
    for (const name of COLLECTIONS)
      for (const fields of specOf(name).unique) {
        const seen = new Set<string>()
        for (const entity of this.draft.all(name).values()) {
          const key = keyOf(entity, fields)
          const item = this.#items.get(entity.id)
          if (key !== undefined && seen.has(key) && item !== undefined)
            this.#wrong(item, { '@entity': [declaredTwice(name, fields, entity)] })
          if (key !== undefined) seen.add(key)
        }
      }
  }

  #loadOne(item: Item): void {
    const { collection } = item
    const { world, before } = this.#loading
    const opened = this.#open(item)
    const fields = this.#withReferences(item, opened)
    const input = collection === 'routes' ? withRegexMarks(fields, this.#version) : fields
    item.id = this.#idOf(collection, input)
    this.#remember(item, input)
    if (this.#items.has(item.id)) {
      this.#wrong(item, thereTwice(collection, { ...input, id: item.id }, input.id === undefined))
      return
    }
    this.#items.set(item.id, item)
    requireSecrets(collection, input)
    const existing = before.get(collection)?.get(item.id)
    const { entity } = buildEntity(collection, { ...input, id: item.id }, world, { existing })
    const same =
      existing !== undefined &&
      sameJson({ ...entity, updated_at: 0 }, { ...existing, updated_at: 0 })
    if (!this.#namesWrongOne(collection, entity)) checkReferences(this.draft, collection, entity)
    this.draft.put(collection, same ? existing : entity)
  }

  /** Whether an entity names one that is wrong itself: that has been told. */
  #namesWrongOne(collection: Collection, entity: Entity): boolean {
    return specOf(collection).references.some(({ field, to }) => {
      const id = refId(entity, field)
      return id !== undefined && this.#items.has(id) && this.draft.get(to, id) === undefined
    })
  }

  #idOf(collection: Collection, input: Input): Id {
    if (typeof input.id === 'string') return input.id.toLowerCase()
    const key = naturalKey(collection, input)
    // Several of one nature, such as keys of one consumer, are told apart by their order.
    const place = `${collection} ${key}`
    const ordinal = this.#ordinals.get(place) ?? 0
    this.#ordinals.set(place, ordinal + 1)
    const distinct =
      UNNAMED.has(collection) && (collection !== 'routes' || typeof input.name !== 'string')
    return stableId(collection, ordinal > 0 && distinct ? `${key}:${ordinal + 1}` : key)
  }

  #remember(item: Item, input: Input): void {
    const { key } = specOf(item.collection)
    const named = key === undefined ? undefined : input[key]
    if (typeof named === 'string') this.#named.set(`${item.collection} ${named}`, item)
  }

  /** References are ids from here on: of the entity around it, or of the one that is named. */
  #withReferences({ collection, parent }: Item, own: Input): Input {
    const fields: Record<string, unknown> = Object.assign(Object.create(null), own)
    for (const { field, to } of specOf(collection).references) {
      const given = own[field]
      if (parent?.field === field && parent.item.collection === to) {
        const id = parent.item.id ?? ''
        if (given !== undefined && given !== null && this.#find(to, given) !== id)
          throw badReference(field, given, to)
        fields[field] = { id }
      } else if (given !== undefined && given !== null) {
        const id = this.#find(to, given)
        if (id === undefined) throw badReference(field, given, to)
        fields[field] = { id }
      }
    }
    return fields
  }

  #find(to: Collection, given: unknown): Id | undefined {
    const { key } = specOf(to)
    const name = isRecord(given)
      ? (given.id ?? (key === undefined ? undefined : given[key]))
      : given
    if (typeof name !== 'string') return undefined
    const named = this.#named.get(`${to} ${name}`)?.id
    if (named !== undefined) return named
    const id = isUuidText(name) ? name.toLowerCase() : undefined
    if (id !== undefined && this.#items.has(id)) return id
    return find(this.draft.all(to), to, { idOrKey: name })?.id
  }

  #open({ collection, own }: Item): Input {
    const { openSealed } = this.#loading
    const open = (value: unknown, names: readonly string[]): unknown => {
      if (typeof value === 'string' && value.startsWith(SEALED)) {
        if (openSealed === undefined) throw sealedElsewhere()
        try {
          return openSealed(value, placeOf(collection, names))
        } catch {
          throw sealedElsewhere()
        }
      }
      if (Array.isArray(value)) return value.map((each) => open(each, names))
      if (!isRecord(value)) return value
      const copy = Object.create(null) as Record<string, unknown>
      for (const [key, each] of Object.entries(value)) copy[key] = open(each, [...names, key])
      return copy
    }
    return open(own, []) as Input
  }

  #wrong(item: Item, fields: Fields): void {
    this.mistakes.push({ path: item.path, fields, item })
  }
}

const SEALED = 'cs1.'
const UNNAMED: ReadonlySet<Collection> = new Set(['routes', 'keyauth_credentials', 'certificates'])
const sealedElsewhere = (): KongError =>
  new KongError(2, 'sealed', {
    '@entity': ['a secret is sealed, and not by this platform for this place'],
  })

function badReference(field: string, given: unknown, to: Collection): KongError {
  const named = typeof given === 'string' ? given : JSON.stringify(given)
  return new KongError(13, 'reference', {
    [field]: `invalid reference '${field}: ${named}' (no such entry in '${to}')`,
  })
}

/** Kong would make these anew at each load; a text that is loaded twice has to mean the same twice. */
function requireSecrets(collection: Collection, input: Input): void {
  const missing = (field: string): boolean =>
    typeof input[field] !== 'string' || input[field] === ''
  if (collection === 'keyauth_credentials' && missing('key'))
    throw new KongError(2, 'key', { key: 'required field missing' })
  if (collection !== 'jwt_secrets') return
  const fields: Fields = {}
  if (missing('key')) fields.key = 'required field missing'
  if (missing('secret') && missing('rsa_public_key')) fields.secret = 'required field missing'
  if (Object.keys(fields).length > 0) throw new KongError(2, 'secret', fields)
}

/** An id that was given, or something by nature the same. */
function thereTwice(collection: Collection, fields: Input & { id: Id }, natural: boolean): Fields {
  const { key, unique } = specOf(collection)
  if (!natural) return { id: `primary key violation: '${fields.id}' is there twice` }
  const names = key === undefined || fields[key] === undefined ? unique[0] : [key]
  return { '@entity': [declaredTwice(collection, names ?? ['id'], fields)] }
}

function declaredTwice(collection: Collection, fields: readonly string[], entity: Input): string {
  const secret = collection === 'keyauth_credentials'
  const values = fields.map((field) => (secret ? '[hidden]' : shown(entity[field])))
  return `uniqueness violation: '${collection}' entity with ${fields.join(', ')} set to '${values.join(', ')}' already declared`
}
const shown = (value: unknown): string =>
  isRecord(value)
    ? String(value.id)
    : value === null || value === undefined
      ? 'null'
      : String(value)
