import {
  type Collection,
  collectionAt,
  type Draft,
  type Entity,
  find,
  type Id,
  type Input,
  insert,
  invalidPrimaryKey,
  invalidUnique,
  isUuidText,
  keepHidden,
  notFound,
  pageOf,
  referrersOf,
  refId,
  removeWithOthers,
  specOf,
  unsupported,
  update,
  upsert,
  wrongName,
} from '@countersign/kong'
import type { Cause, ControlPlane, Work } from '../plane/control-plane.ts'
import { type Answer, type Asked, NO_CONTENT, NOT_FOUND, notAllowed, ok } from './exchange.ts'
import type { View } from './view.ts'

/*
 * Entities below the root, each other, and by themselves:
 *
 *   /{collection}                      list, make
 *   /{collection}/{id}                 read, change, put, remove
 *   /{parent}/{id}/{children}[/{id}]   the same among those that name this parent
 *   /{collection}/{id}/{field}         the one that a field names
 */
export interface Entities {
  readonly plane: ControlPlane
  readonly view: View
  /** Entities come from a file: they can be read here and not be changed. */
  readonly fromFile: boolean
}
/** Where a request is about: a collection, below a parent where `within` says so. */
interface Place {
  readonly collection: Collection
  readonly within?: Readonly<Record<string, Id>>
  readonly path: string
}

export function answerEntities(on: Entities, asked: Asked): Answer | Promise<Answer> {
  const [first = '', id, second, childId, ...more] = asked.segments
  const collection = collectionAt(first)
  if (collection === undefined || more.length > 0) return NOT_FOUND
  if (id === undefined) return atCollection(on, asked, { collection, path: `/${first}` })
  if (second === undefined) return atEntity(on, asked, { collection, path: `/${first}` }, id)
  const parent = on.view.find(collection, id)
  if (parent === undefined) return NOT_FOUND
  const child = referrersOf(collection).find(({ from }) => specOf(from).nested === second)
  if (child !== undefined) {
    const place = {
      collection: child.from,
      within: { [child.field]: parent.id },
      path: `/${first}/${id}/${second}`,
    }
    if (asked.method !== 'GET' && asked.method !== 'HEAD') on.view.mustBeOwn(collection, parent)
    return childId === undefined
      ? atCollection(on, asked, place)
      : atEntity(on, asked, place, childId)
  }
  return childId === undefined
    ? atReference(on, asked, { collection, parent, field: second })
    : NOT_FOUND
}

function atCollection(on: Entities, asked: Asked, place: Place): Answer | Promise<Answer> {
  switch (asked.method) {
    case 'GET':
    case 'HEAD':
      return listOf(on, asked, place)
    case 'POST':
      return change(on, asked, place, async (read) => ({
        status: 201,
        work: (draft, world) =>
          insert(
            draft,
            place.collection,
            { ...read, input: { ...read.input, ...refsOf(place) } },
            world,
          ),
      }))
    default:
      return notAllowed('GET', 'HEAD', 'POST')
  }
}

function listOf({ view }: Entities, { query }: Asked, { collection, within, path }: Place): Answer {
  const get = (name: string): string | undefined => query.get(name) ?? undefined
  // Kong's search for the one consumer of an outer system; who asks for it takes the first of the list for it.
  const customId = collection === 'consumers' ? get('custom_id') : undefined
  const inside = view
    .all(collection)
    .filter((entity) => customId === undefined || entity.custom_id === customId)
    .filter((entity) =>
      Object.entries(within ?? {}).every(([field, id]) => refId(entity, field) === id),
    )
  const { data, offset } = pageOf(inside, {
    size: get('size'),
    offset: get('offset'),
    tags: get('tags'),
  })
  const shown = data.map((entity) => view.show(collection, entity))
  if (offset === undefined) return ok({ data: shown, next: null })
  const next = new URLSearchParams({ offset })
  for (const name of ['tags', 'size', 'custom_id'])
    if (query.has(name)) next.set(name, query.get(name) ?? '')
  return ok({ data: shown, next: `${path}?${next.toString()}`, offset })
}

function atEntity(on: Entities, asked: Asked, place: Place, id: string): Answer | Promise<Answer> {
  const { collection, within } = place
  checkKey(collection, id)
  const found = on.view.find(collection, id, within)
  const reading = asked.method === 'GET' || asked.method === 'HEAD'
  if (found !== undefined && !reading) on.view.mustBeOwn(collection, found)
  switch (asked.method) {
    case 'GET':
    case 'HEAD':
      return found === undefined ? NOT_FOUND : ok(on.view.show(collection, found))
    case 'PATCH':
      return change(on, asked, place, async (read) => ({
        status: 200,
        work: (draft, world) => {
          const at = find(draft.all(collection), collection, { idOrKey: id, within })?.id
          // Of another parent it is not there, even by its id.
          if (at === undefined) throw notFound({ id })
          const input = kept(draft, { collection, id: at }, read.input)
          return update(draft, collection, { id: at, form: read.form, input }, world)
        },
      }))
    case 'PUT':
      return put(on, asked, place, id)
    case 'DELETE':
      return remove(on, asked, place, found)
    default:
      return notAllowed('GET', 'HEAD', 'PATCH', 'PUT', 'DELETE')
  }
}

/** Put by a name that is not known makes an entity of this name. */
function put(on: Entities, asked: Asked, place: Place, idOrKey: string): Promise<Answer> {
  const { collection } = place
  const { key } = specOf(collection)
  return change(on, asked, place, async (read) => ({
    status: 200,
    work: (draft, world) => {
      const byId = isUuidText(idOrKey)
      const known = idIn(draft, place, idOrKey)
      const id = isUuidText(known) ? known : world.newId()
      const named = byId || key === undefined ? {} : { [key]: idOrKey }
      const input = { ...kept(draft, { collection, id }, read.input), ...refsOf(place), ...named }
      return upsert(draft, collection, { id, form: read.form, input }, world)
    },
  }))
}

/** What is not there is gone: Kong answers 204 to that as well. */
async function remove(
  on: Entities,
  asked: Asked,
  place: Place,
  found: Entity | undefined,
): Promise<Answer> {
  mustNotBeFile(on, 'delete', place.collection)
  if (found === undefined) return NO_CONTENT
  await on.plane.change(causeOf(asked), (draft) =>
    removeWithOthers(draft, place.collection, found.id),
  )
  return NO_CONTENT
}

/** `/routes/{route}/service`: the entity that a field names. */
function atReference(
  on: Entities,
  asked: Asked,
  { collection, parent, field }: { collection: Collection; parent: Entity; field: string },
): Answer | Promise<Answer> {
  const reference = specOf(collection).references.find((each) => each.field === field)
  if (reference === undefined) return NOT_FOUND
  if (asked.method === 'DELETE' || asked.method === 'POST')
    return notAllowed('GET', 'HEAD', 'PATCH', 'PUT')
  const id = refId(parent, field)
  const place = { collection: reference.to, path: `/${specOf(reference.to).path}` }
  return id === undefined ? NOT_FOUND : atEntity(on, asked, place, id)
}

type Made = { readonly status: number; readonly work: Work<Entity> }
type Reading = { readonly input: Input; readonly form: boolean }

async function change(
  on: Entities,
  asked: Asked,
  { collection }: Place,
  make: (read: Reading) => Promise<Made>,
): Promise<Answer> {
  mustNotBeFile(on, VERBS[asked.method] ?? 'change', collection)
  const { status, work } = await make(await asked.body())
  const entity = await on.plane.change(causeOf(asked), work)
  return { status, body: on.view.show(collection, entity) }
}
const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'create or update',
  PATCH: 'update',
}

/** As Kong says it without a database. */
function mustNotBeFile({ fromFile }: Entities, verb: string, collection: Collection): void {
  if (fromFile)
    throw unsupported(`cannot ${verb} '${collection}' entities when not using a database`)
}

export const causeOf = ({ actor, requestId, method, segments }: Asked): Cause => ({
  actor,
  requestId,
  what: `${method} /${segments.join('/')}`.slice(0, 300),
})
const refsOf = ({ within }: Place): Record<string, { id: Id }> =>
  Object.fromEntries(Object.entries(within ?? {}).map(([field, id]) => [field, { id }]))

function kept(
  draft: Draft,
  { collection, id }: { collection: Collection; id: Id },
  input: Input,
): Input {
  const existing = draft.get(collection, id)
  return existing === undefined ? input : keepHidden(collection, input, existing)
}

/** The id in the newest state, where there is one: a change before this one may have made or removed it. */
function idIn(draft: Draft, { collection, within }: Place, idOrKey: string): Id {
  const found = find(draft.all(collection), collection, { idOrKey, within })
  return found?.id ?? (isUuidText(idOrKey) ? idOrKey.toLowerCase() : idOrKey)
}

/** Kong's errors 1 and 10: neither an id nor anything that an entity could be called. */
function checkKey(collection: Collection, id: string): void {
  if (isUuidText(id)) return
  const { key } = specOf(collection)
  if (key === undefined) throw invalidPrimaryKey({ id: 'expected a valid UUID' })
  const why = key === 'name' && collection !== 'snis' ? wrongName(id) : undefined
  if (why !== undefined) throw invalidUnique(key, why)
}
