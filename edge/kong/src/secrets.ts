import type { Collection } from './entities.ts'

/*
 * Which fields of an entity are secrets. Nobody who looks at a difference, a log or an export needs to see one.
 */
const FIELDS: Readonly<Partial<Record<Collection, readonly string[]>>> = {
  certificates: ['key', 'key_alt'],
  jwt_secrets: ['secret'],
  keyauth_credentials: ['key'],
}
/** Names of fields in the configuration of a plugin, ours or somebody's own. */
const IN_CONFIG =
  /(?:^|_)(?:password|passwd|secret|secrets|client_secret|private_key|api_?key|access_token|auth_token|authorization|credentials?|cookie)$/i
/** `Authorization:Bearer …` in a list of headers, as transformers have it, and a URL with user and password. */
const HEADER = /^\s*([A-Za-z0-9_-]{1,64})\s*:(?!\/\/)/
const URL_WITH_USER = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s]*@/i

const isSecretName = (name: string): boolean => IN_CONFIG.test(name.replaceAll('-', '_'))
const isSecret = (name: string, value: string): boolean =>
  isSecretName(name) ||
  (name === 'headers' && isSecretName(HEADER.exec(value)?.[1] ?? '')) ||
  URL_WITH_USER.test(value)

/** Stands where a secret is not shown, and means in input that it stays as it is. */
export const HIDDEN = '[hidden]'

type Fields = Readonly<Record<string, unknown>>

/**
 * The entity with each of its secrets replaced by what `change` makes of it. `place` says what it is a secret of:
 * `certificates.key`. Where there is none it is the same object.
 */
export function mapSecrets<E extends Fields>(
  collection: Collection,
  entity: E,
  change: (secret: string, place: string) => string,
): E {
  const changed: Record<string, unknown> = {}
  for (const field of FIELDS[collection] ?? []) {
    const value = entity[field]
    if (typeof value === 'string') changed[field] = change(value, placeOf(collection, [field]))
  }
  if (collection === 'plugins') {
    const config = mapConfig(entity.config, change, '')
    if (config !== entity.config) changed.config = config
  }
  return Object.keys(changed).length === 0 ? entity : { ...entity, ...changed }
}

/** What a value is of, by the names that lead to it: the first, and the last where there are several. */
export function placeOf(collection: Collection, names: readonly string[]): string {
  const [first = '', ...others] = names
  return [collection, first, ...others.slice(-1)].join('.')
}

function mapConfig(
  value: unknown,
  change: (secret: string, place: string) => string,
  name: string,
): unknown {
  if (typeof value === 'string')
    return isSecret(name, value) ? change(value, placeOf('plugins', ['config', name])) : value
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const mapped = value.map((each) => mapConfig(each, change, name))
    return mapped.some((each, i) => each !== value[i]) ? mapped : value
  }
  let mapped: Record<string, unknown> | undefined
  for (const [key, each] of Object.entries(value)) {
    const made = mapConfig(each, change, key)
    if (made !== each) mapped ??= { ...value }
    if (made !== each && mapped !== undefined) mapped[key] = made
  }
  return mapped ?? value
}

/** For differences, logs and records. */
export const hideSecrets = <E extends Fields>(collection: Collection, entity: E): E =>
  mapSecrets(collection, entity, () => HIDDEN)

/** Puts the secrets of an entity back where input shows that they stay as they are. */
export function keepHidden(collection: Collection, input: Fields, existing: Fields): Fields {
  const kept: Record<string, unknown> = { ...input }
  for (const field of FIELDS[collection] ?? [])
    if (input[field] === HIDDEN) kept[field] = existing[field]
  if (collection === 'plugins' && typeof input.config === 'object')
    kept.config = keptConfig(input.config, existing.config)
  return kept
}
function keptConfig(given: unknown, existing: unknown): unknown {
  if (given === HIDDEN) return existing
  if (
    typeof given !== 'object' ||
    given === null ||
    typeof existing !== 'object' ||
    existing === null
  )
    return given
  if (Array.isArray(given))
    return given.map((each, i) => keptConfig(each, (existing as unknown[])[i]))
  const from = existing as Fields
  return Object.fromEntries(
    Object.entries(given).map(([key, each]) => [
      key,
      keptConfig(each, Object.hasOwn(from, key) ? from[key] : undefined),
    ]),
  )
}
