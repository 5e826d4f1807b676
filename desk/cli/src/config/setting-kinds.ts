import { isIP } from 'node:net'
import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { LIST_ITEMS_MAX } from '../limits.ts'

/* Kinds of settings. Each takes what YAML or a variable holds, and its faults end the sentence "<setting> …". */

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }
/** `90s`, `5m`, `1h`, `30d`, as seconds between `min` and `max`. */
export function duration(min: number, max: number): z.ZodType<number> {
  return z
    .string('is not a duration such as "5m"')
    .regex(/^[1-9][0-9]{0,6}[smhd]$/, 'is not a duration such as "90s", "5m", "1h" or "30d"')
    .transform((text) => Number(text.slice(0, -1)) * (UNIT_SECONDS[text.slice(-1)] ?? 1))
    .refine((seconds) => seconds >= min && seconds <= max, `is not between ${min} s and ${max} s`)
}
const portFrom = (min: 0 | 1): z.ZodType<number> =>
  z
    .union(
      [z.number(), z.string().regex(/^[0-9]{1,5}$/, 'is not a port number')],
      'is not a port number',
    )
    .transform(Number)
    .refine(
      (n) => Number.isInteger(n) && n >= min && n <= 65_535,
      `is not a port from ${min} to 65535`,
    )
export const port: z.ZodType<number> = portFrom(1)
/** 0 leaves the choice to the system. */
export const portOrAny: z.ZodType<number> = portFrom(0)
export const isUrl = (text: string, schemes: readonly string[]): boolean =>
  schemes.some((scheme) => text.startsWith(scheme)) && URL.canParse(text)
export const url = (...schemes: readonly string[]): z.ZodType<string> => {
  const fault = `is not an address that begins with ${schemes.join(' or ')}`
  return z.string(fault).refine((text) => isUrl(text, schemes), fault)
}
export const filePath: z.ZodType<string> = z
  .string('is not the path of a file')
  .min(1, 'is not the path of a file')
/** A text of one line. */
export const word: z.ZodType<string> = z
  .string('is not a text')
  .regex(/^[\x20-\x7e]{1,512}$/, 'is not 1 to 512 printable characters')
/** Texts divided by commas, each of which must pass. Stays one text: that is how it is handed on. */
export function list(each: (item: string) => boolean, fault: string): z.ZodType<string> {
  return z
    .union([z.string(), z.number()], fault)
    .transform((given) =>
      String(given)
        .split(',')
        .map((item) => item.trim()),
    )
    .refine((items) => items.length <= LIST_ITEMS_MAX && items.every(each), fault)
    .transform((items) => items.join(','))
}
export const count = (min: number, max: number): z.ZodType<number> =>
  z
    .union([z.number(), z.string().regex(/^[0-9]{1,6}$/, 'is not a number')], 'is not a number')
    .transform(Number)
    .refine((n) => Number.isInteger(n) && n >= min && n <= max, `is not between ${min} and ${max}`)
/** A number, or `cores`: one for each core that this process may use, within the bounds and at least `coresMin`. */
export const countOrCores = (
  min: number,
  { max, coresMin }: { max: number; coresMin: number },
): z.ZodType<number> =>
  z
    .union([z.literal('cores'), z.number(), z.string().regex(/^[0-9]{1,6}$/, NOT_CORES)], NOT_CORES)
    .transform((given) =>
      given === 'cores' ? Math.min(Math.max(availableParallelism(), coresMin), max) : Number(given),
    )
    .refine((n) => Number.isInteger(n) && n >= min && n <= max, `is not between ${min} and ${max}`)
const NOT_CORES = 'is not a number, nor "cores"'
const SHARE = 'is not a number from 0 to 1'
/** A part of a whole, from 0 to 1. */
export const share: z.ZodType<number> = z
  .union([z.number(), z.string().regex(/^(0(\.[0-9]{1,6})?|1)$/, SHARE)], SHARE)
  .transform(Number)
  .refine((n) => n >= 0 && n <= 1, SHARE)

const DNS_NAME =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/
export const isDnsName = (text: string): boolean => DNS_NAME.test(text)
export const isPort = (text: string): boolean =>
  /^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
/** An IP address, in brackets where it is one of IPv6, with a port or without. */
export function isServer(text: string): boolean {
  const [, six, four, port] = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(.+))?$/.exec(text) ?? []
  return (isIP(six ?? '') === 6 || isIP(four ?? '') === 4) && (port === undefined || isPort(port))
}
