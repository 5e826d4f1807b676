import type { z } from 'zod'
import { type FieldError, type Fields, schemaViolation } from './errors.ts'
import { type Prepare, prepare } from './input/prepare.ts'

/*
 * Checks a value against a schema and says what is wrong in Kong's words, whoever wrote the schema.
 */
const KINDS: Readonly<Record<string, string>> = {
  string: 'expected a string',
  number: 'expected a number',
  int: 'expected an integer',
  boolean: 'expected a boolean',
  array: 'expected an array',
  set: 'expected a set',
  record: 'expected a map',
  map: 'expected a map',
  object: 'expected a record',
}

/** Kong's sentence for what a schema itself has no words for. */
const inKongsWords: z.core.$ZodErrorMap = (issue) => {
  if (issue.input === undefined && issue.code !== 'unrecognized_keys' && issue.code !== 'custom')
    return 'required field missing'
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === null ? 'required field missing' : KINDS[issue.expected]
    case 'invalid_value':
      return `expected one of: ${issue.values.map(String).join(', ')}`
    case 'too_small':
      return bounded(issue.origin, 'at least', Number(issue.minimum), issue.inclusive !== false)
    case 'too_big':
      return bounded(issue.origin, 'at most', Number(issue.maximum), issue.inclusive !== false)
    case 'invalid_union':
      return 'expected another kind of value'
    default:
      return undefined
  }
}

function bounded(
  origin: string,
  way: 'at least' | 'at most',
  bound: number,
  inclusive: boolean,
): string {
  if (origin === 'string' || origin === 'array' || origin === 'set')
    return `length must be ${way} ${bound}`
  if (inclusive) return `value must be ${way} ${bound}`
  return `value must be ${way === 'at least' ? 'greater' : 'less'} than ${bound}`
}

export type Checked<T> = { readonly value: T } | { readonly fields: Fields }

/** The value as the schema fills it in, or what is wrong, field by field. */
export function check<S extends z.ZodType>(
  schema: S,
  given: unknown,
  how: Prepare,
): Checked<z.output<S>> {
  const read = schema.safeParse(prepare(schema, given, how), { error: inKongsWords })
  return read.success ? { value: read.data } : { fields: fieldsOf(read.error.issues) }
}
/** Like `check`, and throws `KongError` 2. */
export function mustCheck<S extends z.ZodType>(
  schema: S,
  given: unknown,
  how: Prepare,
): z.output<S> {
  const checked = check(schema, given, how)
  if ('fields' in checked) throw schemaViolation(checked.fields)
  return checked.value
}

const bareFields = (): Fields => Object.create(null) as Fields

function fieldsOf(issues: readonly z.core.$ZodIssue[]): Fields {
  const fields = bareFields()
  for (const issue of issues) {
    const { path } = issue
    if (issue.code === 'unrecognized_keys')
      for (const key of issue.keys) note(fields, [...path, key], 'unknown field')
    else if (path.length === 0 || path.at(-1) === '@entity')
      noteEntity(fields, path.slice(0, -1), issue.message)
    else note(fields, path, issue.message)
  }
  return fields
}

/** The first mistake of a field counts, as in Kong. */
function note(fields: Fields, path: readonly PropertyKey[], what: string): void {
  const at = levelAbove(fields, path)
  const key = path.at(-1) ?? ''
  if (Array.isArray(at)) pad(at, Number(key))
  at[key] ??= what
}
function noteEntity(fields: Fields, path: readonly PropertyKey[], what: string): void {
  const at = levelAbove(fields, [...path, '@entity'])
  const known = at['@entity']
  if (Array.isArray(known)) known.push(what)
  else at['@entity'] = [what]
}

type Level = Record<PropertyKey, FieldError | undefined>
/** Goes down to where the last step of a path is, making lists where the path has numbers. */
function levelAbove(fields: Fields, path: readonly PropertyKey[]): Level {
  let at = fields as Level
  for (const [i, key] of path.slice(0, -1).entries()) {
    const there = at[key]
    if (typeof there === 'object' && there !== null) {
      at = there as Level
      continue
    }
    const made: FieldError = typeof path[i + 1] === 'number' ? [] : bareFields()
    if (Array.isArray(at)) pad(at, Number(key))
    at[key] = made
    at = made as Level
  }
  return at
}
function pad(list: FieldError[], upTo: number): void {
  while (list.length < upTo) list.push(null)
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
