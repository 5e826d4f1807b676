import { COLLECTIONS, type Entity, refId, specOf, referrersOf } from '../collections.ts'
import type { Collection, Id } from '../entities.ts'
import {
  missingReference,
  referencedByOthers,
  schemaViolation,
  stillReferenced,
  uniqueViolation,
} from '../errors.ts'
import type { Draft } from './state.ts'

/*
 * - what an entity names is there (4)
 * - no other entity has what only one can have (5)
 * - a CA certificate of a plugin is known by id or tag (2)
 * - what others name does not go (4, 19), or takes them along
 */
export function checkReferences(draft: Draft, collection: Collection, entity: Entity): void {
  for (const { field, to } of specOf(collection).references) {
    const id = refId(entity, field)
    if (id !== undefined && draft.get(to, id) === undefined) throw missingReference(field, id, to)
  }
  const authorities = collection === 'services' ? entity.ca_certificates : undefined
  if (Array.isArray(authorities))
    for (const id of authorities as readonly Id[])
      if (draft.get('ca_certificates', id) === undefined)
        throw missingReference('ca_certificates', id, 'ca_certificates')
  if (collection === 'plugins') checkAuthorities(draft, entity)
}

/** Seed texts say `ca-cert-id`: a UUID, or a tag of CA certificates. */
function checkAuthorities(draft: Draft, plugin: Entity): void {
  const config = plugin.config as Readonly<Record<string, unknown>>
  const { ca_certificates: asked } = config
  if (!Array.isArray(asked)) return
  const known = [...draft.all('ca_certificates').values()]
  const wrong = asked.map((each: unknown) =>
    known.some(({ id, tags }) => id === each || tags?.includes(String(each)) === true)
      ? null
      : 'no CA certificate has this id or tag',
  )
  if (wrong.some((each) => each !== null))
    throw schemaViolation({ config: { ca_certificates: wrong } })
}

export function checkUnique(draft: Draft, collection: Collection, entity: Entity): void {
  for (const fields of specOf(collection).unique) {
    const key = keyOf(entity, fields)
    if (key === undefined) continue
    for (const other of draft.all(collection).values())
      if (other.id !== entity.id && keyOf(other, fields) === key)
        throw uniqueViolation(Object.fromEntries(fields.map((field) => [field, entity[field]])))
  }
}

/** What tells an entity apart by these fields; `undefined` where one field alone is empty, which several can be. */
export function keyOf(entity: Entity, fields: readonly string[]): string | undefined {
  const [only] = fields
  if (fields.length === 1 && only !== undefined) return nullable(entity[only])
  return JSON.stringify(fields.map((field) => refId(entity, field) ?? nullable(entity[field])))
}
const nullable = (value: unknown): string | undefined =>
  value === null || value === undefined || typeof value === 'object' ? undefined : String(value)

/** Takes an entity away, and those that cannot be without it. Throws `KongError` 4 or 19. */
export function removeWithOthers(draft: Draft, collection: Collection, id: Id): void {
  const referrers = referrersOf(collection)
  for (const { from, field, onDelete } of referrers)
    if (onDelete === 'restrict')
      for (const other of draft.all(from).values())
        if (refId(other, field) === id) throw stillReferenced(collection, from)
  if (collection === 'ca_certificates') checkTrusting(draft, id)
  for (const { from, field } of referrers)
    for (const other of [...draft.all(from).values()])
      if (refId(other, field) === id) removeWithOthers(draft, from, other.id)
  draft.remove(collection, id)
}

function checkTrusting(draft: Draft, id: Id): void {
  for (const service of draft.all('services').values())
    if ((service.ca_certificates as readonly Id[] | null)?.includes(id) === true)
      throw referencedByOthers(
        `ca certificate ${id} is still referenced by services (id = ${service.id})`,
      )
}

/** How many entities there are. */
export const sizeOf = (draft: Draft): number =>
  COLLECTIONS.reduce((sum, name) => sum + draft.all(name).size, 0)
