import { luaText } from './lua-text.ts'

/*
 * Kong's errors: a number, its name, a sentence, and the fields that are wrong. Numbers, names and sentences are those of
 * Kong's Admin API, since programs read them.
 */
export type KongCode = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 19

const NAMES: Readonly<Record<KongCode, string>> = {
  1: 'invalid primary key',
  2: 'schema violation',
  3: 'primary key violation',
  4: 'foreign key violation',
  5: 'unique constraint violation',
  6: 'not found',
  7: 'invalid offset',
  8: 'database error',
  9: 'invalid size',
  10: 'invalid unique %s',
  11: 'invalid options',
  12: 'operation unsupported',
  13: 'foreign keys unresolved',
  14: 'invalid declarative configuration',
  19: 'referenced by others',
}
const STATUS: Readonly<Partial<Record<KongCode, number>>> = { 5: 409, 6: 404, 8: 500, 12: 405 }

/** What is wrong with fields: a text, or the same again one level down. Lists begin at 0 here and at 1 in sentences. */
export type Fields = { [field: string]: FieldError }
export type FieldError = string | null | Fields | FieldError[]

export class KongError extends Error {
  readonly code: KongCode
  /** Kong's name of the code; `name` of an Error is the class elsewhere, so it is kept apart. */
  readonly title: string
  readonly fields: Fields | undefined
  readonly status: number
  constructor(code: KongCode, message: string, fields?: Fields, title: string = NAMES[code]) {
    super(message)
    this.code = code
    this.title = title
    this.fields = fields
    this.status = STATUS[code] ?? 400
  }

  /** The body of Kong's answer. */
  get body(): Readonly<Record<string, unknown>> {
    const { code, title: name, message, fields } = this
    if (fields === undefined) return { code, name, message }
    return { code, name, message, [code === 11 ? 'options' : 'fields']: fields }
  }
}

export const invalidPrimaryKey = (fields: Fields): KongError =>
  new KongError(1, `invalid primary key: '${luaText(fields)}'`, fields)

export function schemaViolation(fields: Fields): KongError {
  const found = sentences(fields)
  return new KongError(
    2,
    found.length === 1
      ? `schema violation (${found[0]})`
      : `${found.length} schema violations (${found.join('; ')})`,
    fields,
  )
}

export const primaryKeyViolation = (id: string): KongError =>
  new KongError(3, `primary key violation on key '${luaText({ id })}'`, { id })

export const missingReference = (field: string, id: string, to: string): KongError =>
  new KongError(
    4,
    `the foreign key '${luaText({ id })}' does not reference an existing '${to}' entity.`,
    { [field]: { id } },
  )
export const stillReferenced = (parent: string, child: string): KongError =>
  new KongError(4, `an existing '${child}' entity references this '${parent}' entity`, {
    '@referenced_by': child,
  })

export const uniqueViolation = (key: Record<string, unknown>): KongError =>
  new KongError(5, `UNIQUE violation detected on '${luaText(key)}'`, key as Fields)

export const notFound = (key: Fields): KongError =>
  new KongError(6, `could not find the entity with primary key '${luaText(key)}'`, key)
export const invalidOffset = (offset: string): KongError =>
  new KongError(7, `'${offset}' is not a valid offset: bad base64 encoding`)
export const databaseError = (): KongError => new KongError(8, 'An unexpected error occurred')
export const invalidSize = (why: string): KongError => new KongError(9, why)
export const invalidUnique = (field: string, why: string): KongError =>
  new KongError(10, why, undefined, `invalid unique ${field}`)
export const invalidOptions = (options: Fields): KongError =>
  new KongError(11, `invalid option (${sentences(options).join('; ')})`, options)
export const unsupported = (why: string): KongError => new KongError(12, why)
export function foreignKeysUnresolved(fields: Fields): KongError {
  const found = sentences(fields)
  return new KongError(
    13,
    found.length === 1
      ? `foreign key unresolved (${found[0]})`
      : `${found.length} foreign keys unresolved (${found.join('; ')})`,
    fields,
  )
}
export const declarativeInvalid = (fields: Fields): KongError =>
  new KongError(14, `declarative config is invalid: ${luaText(fields)}`, fields)
export const referencedByOthers = (why: string): KongError => new KongError(19, why)

/** Kong says what is wrong with the whole first, then field by field, at most two levels in words. */
function sentences(fields: Fields): string[] {
  const whole = fields['@entity']
  const found = Array.isArray(whole) ? whole.map(String) : []
  for (const name of Object.keys(fields).sort()) {
    const wrong = fields[name]
    if (name === '@entity' || wrong === null || wrong === undefined) continue
    if (typeof wrong === 'string') found.push(`${name}: ${wrong}`)
    else
      for (const [sub, each] of levelOf(wrong))
        if (each !== null)
          found.push(`${name}.${sub}: ${typeof each === 'string' ? each : luaText(each)}`)
  }
  return found
}

const levelOf = (wrong: Fields | FieldError[]): [string, FieldError][] =>
  Array.isArray(wrong)
    ? wrong.map((each, i) => [String(i + 1), each])
    : Object.entries(wrong).sort(([a], [b]) => (a < b ? -1 : 1))
