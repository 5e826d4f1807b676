import { z } from 'zod'

/*
 * How Kong's schemas treat what is not there: a field that is absent or null takes its default, and shows null
 * where there is none. Unknown fields are mistakes.
 */

/** A field with a default. */
export const field = <T extends z.ZodType>(
  type: T,
  byDefault: z.output<T>,
): z.ZodType<z.output<T>> => type.nullish().transform((given) => given ?? byDefault)

/** A field without a default: null where nothing was set. */
export const optional = <T extends z.ZodType>(type: T): z.ZodType<z.output<T> | null> =>
  type.nullish().transform((given) => given ?? null)

/** A record in a record: there with its defaults where nothing was set. */
export function nested<S extends z.ZodRawShape>(
  shape: S,
): z.ZodType<z.output<z.ZodObject<S, z.core.$strict>>> {
  const object = z.strictObject(shape)
  return object.nullish().transform((given) => given ?? object.parse({}))
}

/** A name of a header, RFC 9110 section 5.1. */
export const headerName: z.ZodString = z
  .string()
  .max(256)
  .regex(
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
    'bad header name, allowed characters are those of a token',
  )

/** An address of something to call; Kong's text. */
export const url: z.ZodString = z
  .string()
  .max(4_096)
  .refine((text) => isHttpUrl(text), 'missing host in url')
  .refine((text) => hasReadableUser(text), 'user and password are not properly percent-encoded')

function isHttpUrl(text: string): boolean {
  const parsed = URL.parse(text)
  return parsed !== null && /^https?:$/.test(parsed.protocol) && parsed.hostname !== ''
}

function hasReadableUser(text: string): boolean {
  const { username = '', password = '' } = URL.parse(text) ?? {}
  try {
    decodeURIComponent(`${username}:${password}`)
    return true
  } catch {
    return false
  }
}
