import { isRecord } from '../check.ts'
import { type Entity, specOf } from '../collections.ts'
import type { Collection, Id } from '../entities.ts'
import {
  type Fields,
  foreignKeysUnresolved,
  notFound,
  primaryKeyViolation,
  schemaViolation,
} from '../errors.ts'
import { kindOf, shapeOf, unwrap } from '../input/unwrap.ts'
import { ENTITIES_MAX } from '../limits.ts'
import { buildEntity, type Built, preparePatch, type Input, type World } from './build-entity.ts'
import { checkReferences, checkUnique, sizeOf } from './rules.ts'
import { type Draft, find } from './state.ts'
import { putSnis } from './snis.ts'

/*
 * What can be done to an entity, by Kong's rules. Each works on a draft and throws `KongError`; a draft of which anything
 * has thrown is of no use any more.
 */
export interface Given {
  readonly input: Input
  readonly form: boolean
}

export function insert(draft: Draft, collection: Collection, given: Given, world: World): Entity {
  const input = resolveNames(draft, collection, given.input)
  const built = buildEntity(collection, input, world, given)
  if (draft.get(collection, built.entity.id) !== undefined)
    throw primaryKeyViolation(built.entity.id)
  return place(draft, collection, built, world)
}

/** Changes the fields that are given. Records within a record keep what is not given; lists and maps are replaced. */
export function update(
  draft: Draft,
  collection: Collection,
  { id, ...given }: Given & { readonly id: Id },
  world: World,
): Entity {
  const existing = draft.get(collection, id)
  if (existing === undefined) throw notFound({ id })
  const input = resolveNames(draft, collection, given.input)
  keepId(input, id)
  const patch = preparePatch(collection, input, { world, form: given.form, existing })
  const fields = fieldsOf(collection, existing, world)
  const built = buildEntity(collection, merge(existing, patch, fields), world, { existing })
  return place(draft, collection, built, world)
}

/** Puts an entity in place of one with this id, or makes it. */
export function upsert(
  draft: Draft,
  collection: Collection,
  { id, ...given }: Given & { readonly id: Id },
  world: World,
): Entity {
  const input = resolveNames(draft, collection, given.input)
  keepId(input, id)
  const existing = draft.get(collection, id)
  const built = buildEntity(collection, { ...input, id }, world, { form: given.form, existing })
  return place(draft, collection, built, world)
}

function place(
  draft: Draft,
  collection: Collection,
  { entity, snis }: Built,
  world: World,
): Entity {
  checkReferences(draft, collection, entity)
  checkUnique(draft, collection, entity)
  draft.put(collection, entity)
  if (snis !== undefined) putSnis(draft, { certificate: entity.id, names: snis }, world)
  if (sizeOf(draft) > ENTITIES_MAX)
    throw schemaViolation({ '@entity': [`at most ${ENTITIES_MAX} entities are kept here`] })
  return entity
}

function keepId(input: Input, id: Id): void {
  if (input.id !== undefined && input.id !== null && String(input.id).toLowerCase() !== id)
    throw schemaViolation({ id: 'the primary key of an entity cannot be changed' })
}

type Shape = ReturnType<typeof shapeOf>
/** What the fields of an entity are: also those of a plugin's configuration. */
function fieldsOf(collection: Collection, { name }: Input, { plugins }: World): Shape {
  const shape = shapeOf(unwrap(specOf(collection).schema).schema)
  const plugin = collection === 'plugins' ? plugins.find((each) => each.name === name) : undefined
  return plugin === undefined ? shape : { ...shape, config: plugin.schema }
}

function merge(existing: Input, input: Input, shape: Shape): Input {
  const merged: Record<string, unknown> = Object.assign(Object.create(null), existing)
  for (const [key, value] of Object.entries(input)) {
    const [there, field] = [merged[key], Object.hasOwn(shape, key) ? shape[key] : undefined]
    const bare = field === undefined ? undefined : unwrap(field).schema
    const isRecordOfOurs = bare !== undefined && kindOf(bare) === 'object'
    merged[key] =
      isRecordOfOurs && isRecord(there) && isRecord(value) && !isReference(there)
        ? merge(there, value, shapeOf(bare))
        : value
  }
  return merged
}
const isReference = (value: Record<string, unknown>): boolean =>
  Object.keys(value).length === 1 && typeof value.id === 'string'

/** `service.name=x` names a service by its name: the id takes its place. Throws `KongError` 13. */
function resolveNames(draft: Draft, collection: Collection, input: Input): Input {
  const wrong: Fields = {}
  const resolved: Record<string, unknown> = Object.assign(Object.create(null), input)
  for (const { field, to } of specOf(collection).references) {
    const { key } = specOf(to)
    const given = input[field]
    if (!isRecord(given) || given.id !== undefined || key === undefined) continue
    const named = given[key]
    if (typeof named !== 'string' || Object.keys(given).length !== 1) continue
    const found = find(draft.all(to), to, { idOrKey: named })
    if (found === undefined)
      wrong[field] = {
        [key]: `the foreign key cannot be resolved with '{${key}="${named}"}' for an existing '${to}' entity`,
      }
    else resolved[field] = { id: found.id }
  }
  if (Object.keys(wrong).length > 0) throw foreignKeysUnresolved(wrong)
  return resolved
}
