import type { z } from 'zod'
import type { Collection, Id } from './entities.ts'
import { caCertificateSchema, certificateSchema, sniSchema } from './schemas/certificate.ts'
import {
  aclSchema,
  consumerSchema,
  jwtSecretSchema,
  keyAuthSchema,
  mtlsAuthSchema,
} from './schemas/consumer.ts'
import { pluginSchema } from './schemas/plugin.ts'
import { routeSchema } from './schemas/route.ts'
import { serviceSchema } from './schemas/service.ts'
import { targetSchema, upstreamSchema } from './schemas/upstream.ts'

/** An entity of any collection. */
export interface Entity {
  readonly id: Id
  readonly created_at: number
  readonly updated_at: number
  readonly tags: readonly string[] | null
  readonly [field: string]: unknown
}

/** A field that names an entity of another collection, and what becomes of this one when that goes. */
export interface Reference {
  readonly field: string
  readonly to: Collection
  readonly onDelete: 'cascade' | 'restrict'
}

/** What Kong's rules say of a collection beside its fields. */
export interface CollectionSpec {
  readonly name: Collection
  /** In paths of the Admin API. */
  readonly path: string
  /** Below the entity that it belongs to. */
  readonly nested: string
  readonly singular: string
  readonly schema: z.ZodType<Record<string, unknown>>
  /** The field by which an entity can be asked for in place of its id. */
  readonly key: string | undefined
  /** Whether that field alone tells entities apart; otherwise it does below one parent. */
  readonly unique: readonly (readonly string[])[]
  readonly references: readonly Reference[]
  /** Times have thousandths of seconds. */
  readonly fineTimes?: true
}

type Row = Omit<CollectionSpec, 'name' | 'path' | 'nested'> & {
  readonly path?: string
  readonly nested?: string
}
const to = (field: string, collection: Collection, onDelete: Reference['onDelete']): Reference => ({
  field,
  to: collection,
  onDelete,
})
const OF_CONSUMER = to('consumer', 'consumers', 'cascade')
const CLIENT_CERTIFICATE = to('client_certificate', 'certificates', 'restrict')

// An API key is asked for by its id alone: a secret has no place in an address, where logs and records keep it.
// biome-ignore format: a table
const ROWS: Readonly<Record<Collection, Row>> = {
  certificates: { singular: 'certificate', schema: certificateSchema, key: undefined, unique: [], references: [] },
  ca_certificates: { singular: 'ca_certificate', schema: caCertificateSchema, key: undefined, unique: [['cert_digest']], references: [] },
  snis: { singular: 'sni', schema: sniSchema, key: 'name', unique: [['name']], references: [to('certificate', 'certificates', 'cascade')] },
  services: { singular: 'service', schema: serviceSchema, key: 'name', unique: [['name']], references: [CLIENT_CERTIFICATE] },
  routes: { singular: 'route', schema: routeSchema, key: 'name', unique: [['name']], references: [to('service', 'services', 'restrict')] },
  consumers: { singular: 'consumer', schema: consumerSchema, key: 'username', unique: [['username'], ['custom_id']], references: [] },
  jwt_secrets: { singular: 'jwt_secret', path: 'jwts', nested: 'jwt', schema: jwtSecretSchema, key: 'key', unique: [['key']], references: [OF_CONSUMER] },
  keyauth_credentials: { singular: 'keyauth_credential', path: 'key-auths', nested: 'key-auth', schema: keyAuthSchema, key: undefined, unique: [['key']], references: [OF_CONSUMER] },
  acls: { singular: 'acl', schema: aclSchema, key: 'group', unique: [['consumer', 'group']], references: [OF_CONSUMER] },
  mtls_auth_credentials: { singular: 'mtls_auth_credential', path: 'mtls-auths', nested: 'mtls-auth', schema: mtlsAuthSchema, key: undefined, unique: [['consumer', 'subject_name', 'ca_certificate']], references: [OF_CONSUMER, to('ca_certificate', 'ca_certificates', 'cascade')] },
  plugins: { singular: 'plugin', schema: pluginSchema, key: 'instance_name', unique: [['name', 'route', 'service', 'consumer'], ['instance_name']], references: [to('route', 'routes', 'cascade'), to('service', 'services', 'cascade'), OF_CONSUMER] },
  upstreams: { singular: 'upstream', schema: upstreamSchema, key: 'name', unique: [['name']], references: [CLIENT_CERTIFICATE] },
  targets: { singular: 'target', schema: targetSchema, key: 'target', unique: [['upstream', 'target']], references: [to('upstream', 'upstreams', 'cascade')], fineTimes: true },
}

/** All collections; an entity is after those that it names, so that this is also the order in which to load them. */
export const COLLECTIONS = Object.keys(ROWS) as readonly Collection[]

const SPECS = new Map<Collection, CollectionSpec>(
  COLLECTIONS.map((name) => [name, { path: name, nested: name, ...ROWS[name], name }]),
)

export function specOf(collection: Collection): CollectionSpec {
  const spec = SPECS.get(collection)
  if (spec === undefined) throw new TypeError(`no collection ${collection}`)
  return spec
}
export const isCollection = (name: string): name is Collection => SPECS.has(name as Collection)

/** The collection behind a segment of a path in the Admin API. */
export function collectionAt(path: string): Collection | undefined {
  for (const spec of SPECS.values()) if (spec.path === path) return spec.name
  return undefined
}

/** Which collections name entities of this one, and how. */
export function referrersOf(
  collection: Collection,
): readonly (Reference & { readonly from: Collection })[] {
  return COLLECTIONS.flatMap((from) =>
    specOf(from)
      .references.filter((each) => each.to === collection)
      .map((each) => ({ ...each, from })),
  )
}

/** The id that a field names; `undefined` where it names none. */
export function refId(entity: Readonly<Record<string, unknown>>, field: string): Id | undefined {
  const value = entity[field]
  if (typeof value !== 'object' || value === null || !('id' in value)) return undefined
  return typeof value.id === 'string' ? value.id : undefined
}
