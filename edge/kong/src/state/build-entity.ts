import { createHash } from 'node:crypto'
import { check, isRecord, mustCheck } from '../check.ts'
import { type Entity, specOf } from '../collections.ts'
import type { Collection, Id } from '../entities.ts'
import { type Fields, schemaViolation } from '../errors.ts'
import type { Plugin } from '../plugin.ts'
import { prepare } from '../input/prepare.ts'
import { readCertificates } from '../schemas/certificate.ts'
import { expandUrl } from '../schemas/service.ts'

/** What the world lends to rules that look at nothing themselves. */
export interface World {
  readonly plugins: readonly Plugin[]
  /** Milliseconds since 1970. */
  readonly now: number
  newId(): Id
  /** A secret of 32 letters and digits. */
  newSecret(): string
}
export type Input = Readonly<Record<string, unknown>>

export interface Built {
  readonly entity: Entity
  /** Server names of a certificate: entities of their own. */
  readonly snis: readonly string[] | undefined
}

/**
 * Makes an entity of what was given: sugar is taken apart, defaults are filled in, and every rule that looks at one entity
 * alone holds. Throws `KongError` 2.
 */
export function buildEntity(
  collection: Collection,
  input: Input,
  world: World,
  {
    form = false,
    existing,
  }: { readonly form?: boolean; readonly existing?: Entity | undefined } = {},
): Built {
  const spec = specOf(collection)
  const given = fillIn(collection, collection === 'services' ? expandUrl(input) : input, world)
  const { countersign: _, ...whole } = mustCheck(spec.schema, given, { form })
  const { snis, checked } =
    collection === 'certificates' ? withoutSnis(whole) : { snis: undefined, checked: whole }
  const fields = { ...checked, ...completed(collection, checked, world, form) }
  const now = spec.fineTimes === true ? world.now / 1_000 : Math.floor(world.now / 1_000)
  const { id, created_at: created, updated_at: __, ...rest } = fields as Partial<Entity>
  const entity = {
    id: existing?.id ?? id ?? world.newId(),
    created_at: existing?.created_at ?? created ?? now,
    updated_at: now,
    ...rest,
  } as Entity
  return { entity, snis }
}

function withoutSnis({ snis, ...checked }: Input): {
  snis: readonly string[] | undefined
  checked: Input
} {
  return { snis: snis as readonly string[] | undefined, checked }
}

/** What Kong makes where nothing is given. */
function fillIn(collection: Collection, input: Input, world: World): Input {
  const missing = (field: string): boolean =>
    input[field] === undefined || input[field] === null || input[field] === ''
  if (collection === 'keyauth_credentials' && missing('key'))
    return { ...input, key: world.newSecret() }
  if (collection !== 'jwt_secrets') return input
  const asymmetric = typeof input.algorithm === 'string' && !input.algorithm.startsWith('HS')
  return {
    ...input,
    ...(missing('key') ? { key: world.newSecret() } : {}),
    // RFC 7518 asks for as many bytes as the hash has: two of our secrets are enough for each.
    ...(missing('secret') && !asymmetric
      ? { secret: `${world.newSecret()}${world.newSecret()}` }
      : {}),
  }
}

/** What follows from the fields: a plugin's own configuration, a certificate's digest. */
function completed(collection: Collection, fields: Input, world: World, form: boolean): Input {
  if (collection === 'plugins') return { config: pluginConfig(fields, world.plugins, form) }
  if (collection !== 'ca_certificates') return {}
  const certificate = readCertificates(String(fields.cert))?.[0]
  if (certificate === undefined || !(Date.parse(certificate.validTo) > world.now))
    throw schemaViolation({ cert: 'certificate expired, "Not After" time is in the past' })
  return { cert_digest: createHash('sha256').update(certificate.raw).digest('hex') }
}

function pluginConfig(fields: Input, plugins: readonly Plugin[], form: boolean): unknown {
  const plugin = plugins.find(({ name }) => name === fields.name)
  if (plugin === undefined)
    throw schemaViolation({
      name: `plugin '${String(fields.name)}' not enabled; add it to the 'plugins' configuration property`,
    })
  const checked = check(plugin.schema, fields.config, { form })
  const wrong: Fields = 'fields' in checked ? configFields(checked.fields) : {}
  Object.assign(wrong, wrongPlace(plugin, fields))
  if (Object.keys(wrong).length > 0) throw schemaViolation(wrong)
  return 'value' in checked ? checked.value : {}
}

/** What concerns a plugin's configuration as a whole concerns the plugin. */
function configFields(fields: Fields): Fields {
  const { '@entity': whole, ...rest } = fields
  const config = Object.keys(rest).length > 0 ? { config: rest } : {}
  return whole === undefined ? config : { '@entity': whole, ...config }
}

/** A change as the schemas read it: forms and shorthands are gone, and `null` is still there to reset a field. */
export function preparePatch(
  collection: Collection,
  input: Input,
  {
    world,
    form,
    existing,
  }: { readonly world: World; readonly form: boolean; readonly existing: Entity },
): Input {
  const how = { form, keepNull: true }
  const sweet = collection === 'services' ? expandUrl(input) : input
  const patch = prepare(specOf(collection).schema, sweet, how) as Record<string, unknown>
  const plugin = world.plugins.find(({ name }) => name === (patch.name ?? existing.name))
  if (collection === 'plugins' && plugin !== undefined && isRecord(patch.config))
    patch.config = prepare(plugin.schema, patch.config, how)
  return patch
}

const PLACES = ['service', 'route', 'consumer'] as const
function wrongPlace({ scopes }: Plugin, fields: Input): Fields {
  if (scopes === undefined) return {}
  const wrong: Fields = {}
  for (const place of PLACES)
    if (isRecord(fields[place]) && !scopes.includes(place)) wrong[place] = 'value must be null'
  const everywhere = PLACES.every((place) => !isRecord(fields[place]))
  if (everywhere && !scopes.includes('global'))
    wrong['@entity'] = [
      `at least one of these fields must be non-empty: ${scopes.map((each) => `'${each}'`).join(', ')}`,
    ]
  return wrong
}
