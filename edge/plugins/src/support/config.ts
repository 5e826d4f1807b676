import { z } from 'zod'
import { LIST_ENTRIES_MAX, TEXT_CHARS_MAX } from '../limits.ts'
import { optional } from '../schema.ts'

/*
 * What the schemas of plugins are made of. The object of a schema is strict, and stands on the input side of its pipe
 * where deprecated spellings are turned into those of today.
 */

export const text = z.string().min(1).max(TEXT_CHARS_MAX)
export const optionalText = optional(text)
/** A list; one value where a list is asked for is made one by who reads the form. */
export const textList = z.array(text).max(LIST_ENTRIES_MAX)
export const optionalList = optional(textList)

/** A text that goes into a quoted string of a header. */
export const realm = optional(
  z
    .string()
    .max(256)
    .regex(/^[\x20-\x7e]*$/, 'only printable ASCII is allowed'),
)

/** A setting with one value here: Kong's other ones are mistakes that name the reason. */
export const only = <const Value extends string | number | boolean>(
  value: Value,
  why: string,
): z.ZodType<Value> =>
  z
    .literal(value, { error: why })
    .nullish()
    .transform(() => value)

export const isEmpty = (list: readonly unknown[] | null | undefined): boolean =>
  list === null || list === undefined || list.length === 0
/** The first of these that is set. */
export const firstSet = <T>(...values: readonly (T | null | undefined)[]): T | null =>
  values.find((value) => value !== null && value !== undefined) ?? null
