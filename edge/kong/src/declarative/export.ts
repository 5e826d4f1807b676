import { stringify } from 'yaml'
import { safeParse } from 'zod'
import { isRecord } from '../check.ts'
import { COLLECTIONS, type Entity, refId, specOf } from '../collections.ts'
import type { Collection } from '../entities.ts'
import { sameJson } from '../input/safe-json.ts'
import { unwrap, shapeOf } from '../input/unwrap.ts'
import type { Plugin } from '../plugin.ts'
import { mapSecrets } from '../secrets.ts'
import { inOrder, type KongState } from '../state/state.ts'
import { stableId } from '../uuid-v5.ts'
import { naturalKey } from './natural-key.ts'

export interface Exporting {
  readonly plugins: readonly Plugin[]
  /** What to write for a secret: itself, or sealed for its place. */
  readonly secret: (secret: string, place: string) => string
  /** Entities that are not written: those that the platform itself keeps. */
  readonly leaveOut?: (collection: Collection, entity: Entity) => boolean
}

/** Where an entity is written: below the one that it belongs to. */
const PARENTS: Readonly<
  Partial<Record<Collection, readonly [field: string, parent: Collection][]>>
> = {
  routes: [['service', 'services']],
  plugins: [
    ['route', 'routes'],
    ['service', 'services'],
    ['consumer', 'consumers'],
  ],
  jwt_secrets: [['consumer', 'consumers']],
  keyauth_credentials: [['consumer', 'consumers']],
  acls: [['consumer', 'consumers']],
  mtls_auth_credentials: [['consumer', 'consumers']],
  targets: [['upstream', 'upstreams']],
  snis: [['certificate', 'certificates']],
}

/** The state in Kong's declarative format 3.0, nested, without what is a default. Loaded again it gives the same. */
export function exportDeclarative(state: KongState, exporting: Exporting): string {
  return stringify(documentOf(state, exporting), { lineWidth: 0, aliasDuplicateObjects: false })
}

export function documentOf(state: KongState, exporting: Exporting): Record<string, unknown> {
  const written = new Map<string, Record<string, unknown>>()
  const document: Record<string, unknown> = { _format_version: '3.0', _transform: true }
  for (const name of COLLECTIONS)
    for (const entity of [...(state.get(name)?.values() ?? [])].sort(inOrder)) {
      if (exporting.leaveOut?.(name, entity) === true) continue
      const parent = parentOf(name, entity)
      const above = parent === undefined ? undefined : written.get(parent.id)
      const made = write(name, entity, {
        ...exporting,
        inParent: above === undefined ? undefined : parent?.field,
      })
      written.set(entity.id, made)
      const into = (above ?? document) as Record<string, unknown[] | undefined>
      into[name] = [...(into[name] ?? []), made]
    }
  return document
}

function parentOf(
  collection: Collection,
  entity: Entity,
): { readonly id: string; readonly field: string } | undefined {
  const named = (PARENTS[collection] ?? []).flatMap(([field]) => {
    const id = refId(entity, field)
    return id === undefined ? [] : [{ id, field }]
  })
  return named[0]
}

const TIMES: ReadonlySet<string> = new Set(['created_at', 'updated_at', 'cert_digest', 'id'])

function write(
  collection: Collection,
  entity: Entity,
  { plugins, secret, inParent }: Exporting & { readonly inParent: string | undefined },
): Record<string, unknown> {
  const spec = specOf(collection)
  const plain = mapSecrets(collection, entity, secret)
  const written: Record<string, unknown> = {}
  // An id that follows from the rest need not be written; the loader makes the same.
  if (entity.id !== stableId(collection, naturalKey(collection, entity))) written.id = entity.id
  const shape = shapeOf(unwrap(spec.schema).schema)
  for (const [field, value] of Object.entries(plain)) {
    if (TIMES.has(field) || field === inParent || value === null) continue
    const reference = spec.references.some((each) => each.field === field)
    if (reference) written[field] = refId(entity, field)
    else if (field === 'config')
      written.config = withoutDefaults(configSchema(entity, plugins), value)
    else {
      const kept = withoutDefaults(shape[field], value)
      if (kept !== undefined) written[field] = kept
    }
  }
  return written
}

const configSchema = (entity: Entity, plugins: readonly Plugin[]): Schema | undefined =>
  plugins.find(({ name }) => name === entity.name)?.schema
type Schema = Parameters<typeof unwrap>[0]

/** What differs from what the schema would fill in; `undefined` where nothing does. */
function withoutDefaults(schema: Schema | undefined, value: unknown): unknown {
  if (schema === undefined) return value
  const preset = safeParse(schema, undefined)
  if (preset.success && sameJson(preset.data, value)) return undefined
  const shape = shapeOf(unwrap(schema).schema)
  if (!isRecord(value) || Object.keys(shape).length === 0) return value
  const kept: Record<string, unknown> = {}
  for (const [field, each] of Object.entries(value)) {
    const made = each === undefined ? undefined : withoutDefaults(shape[field], each)
    if (made !== undefined) kept[field] = made
  }
  return kept
}
