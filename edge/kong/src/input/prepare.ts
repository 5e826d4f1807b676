import { safeParse, type z } from 'zod'
import { elementOf, kindOf, optionsOf, shapeOf, unwrap, entryOf } from './unwrap.ts'

/*
 * What Kong does with input before it looks at it, led by the schema:
 *
 * - `null` for a field that has a default is the default
 * - in a form every value is a text: numbers and booleans are read where the schema expects them, one value for a list is
 *   a list of one, and an empty text is null
 * - `redis_host` of older plugin configurations is `redis.host`, where the schema has the one and not the other
 *
 * Objects come back without a prototype, so that a field can have any name.
 */
export interface Prepare {
  readonly form: boolean
  /** `null` stays, so that a change can say that a field is to have its default again. */
  readonly keepNull?: boolean
}

export function prepare(schema: z.core.$ZodType, given: unknown, how: Prepare): unknown {
  const { schema: bare, nullable, filled } = unwrap(schema)
  const value = how.form && given === '' ? null : given
  if (value === null) return filled && !nullable && how.keepNull !== true ? undefined : null
  if (value === undefined) return undefined
  const kind = kindOf(bare)
  if (kind === 'object') return isObject(value) ? prepareObject(bare, value, how) : value
  if (kind === 'array') return prepareArray(bare, value, how)
  if (kind === 'record') return isObject(value) ? prepareRecord(bare, value, how) : value
  if (kind === 'union') return prepareUnion(bare, value, how)
  return how.form && typeof value === 'string' ? readText(kind, value) : value
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const bareObject = (): Record<string, unknown> => Object.create(null) as Record<string, unknown>

function prepareObject(
  schema: z.core.$ZodType,
  value: Record<string, unknown>,
  how: Prepare,
): Record<string, unknown> {
  const shape = shapeOf(schema)
  const prepared = bareObject()
  for (const [key, each] of Object.entries(value)) {
    const field = Object.hasOwn(shape, key) ? shape[key] : undefined
    if (field === undefined) prepared[key] = each
    else {
      const made = prepare(field, each, how)
      if (made !== undefined) prepared[key] = made
    }
  }
  nestShorthands(shape, prepared, how)
  return prepared
}

const SHORTHAND = /^(redis)_(.+)$/
function nestShorthands(
  shape: Readonly<Record<string, z.core.$ZodType>>,
  prepared: Record<string, unknown>,
  how: Prepare,
): void {
  for (const key of Object.keys(prepared)) {
    const [, group = '', field = ''] = SHORTHAND.exec(key) ?? []
    // In a change what is new counts, and only here is it known which of the two spellings is new.
    const known = Object.hasOwn(shape, key) && how.keepNull !== true
    if (group === '' || known || !Object.hasOwn(shape, group)) continue
    const within = shape[group]
    if (within === undefined || !Object.hasOwn(shapeOf(unwrap(within).schema), field)) continue
    const nested = Object.assign(bareObject(), isObject(prepared[group]) ? prepared[group] : {})
    if (!(field in nested)) nested[field] = prepared[key]
    prepared[group] = prepare(within, nested, how)
    delete prepared[key]
  }
}

function prepareArray(schema: z.core.$ZodType, value: unknown, how: Prepare): unknown {
  const element = elementOf(schema)
  const values = how.form && !Array.isArray(value) ? [value] : value
  if (!Array.isArray(values) || element === undefined) return values
  return values.map((each) => prepare(element, each, how) ?? null)
}

function prepareRecord(
  schema: z.core.$ZodType,
  value: Record<string, unknown>,
  how: Prepare,
): Record<string, unknown> {
  const prepared = bareObject()
  const each = entryOf(schema)
  for (const [key, one] of Object.entries(value))
    prepared[key] = each === undefined ? one : prepare(each, one, how)
  return prepared
}

/** The first option that takes the value as it is prepared for it; where none does, the value as it came. */
function prepareUnion(schema: z.core.$ZodType, value: unknown, how: Prepare): unknown {
  for (const option of optionsOf(schema)) {
    const prepared = prepare(option, value, how)
    if (safeParse(option, prepared).success) return prepared
  }
  return value
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/
function readText(kind: string, value: string): unknown {
  if (kind === 'number' || kind === 'int') return NUMBER.test(value) ? Number(value) : value
  if (kind === 'boolean') return value === 'true' ? true : value === 'false' ? false : value
  return value
}
