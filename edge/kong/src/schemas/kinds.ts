import { isReservedName } from '@countersign/contract'
import { canonicalPath } from '@countersign/ground/http1'
import { isUuid } from '@countersign/ground/store'
import { isIP } from 'node:net'
import { RE2JS } from 're2js'
import { z } from 'zod'
import {
  LIST_ITEMS_MAX,
  NAME_CHARS_MAX,
  REGEX_CHARS_MAX,
  REGEX_INSTRUCTIONS_MAX,
  TAGS_MAX,
  TIMEOUT_MS_MAX,
} from '../limits.ts'

/*
 * The kinds of fields that Kong's entities are made of, each with Kong's sentence for what it refuses. A message that is
 * given here is for the value; that a field is missing is said in one place for all, in `check.ts`.
 */
type Told = (issue: { input?: unknown }) => string | undefined
const tell =
  (what: string): Told =>
  ({ input }) =>
    input === undefined ? undefined : what

/** A text for which `wrong` gives a sentence, or nothing. */
export const text = (wrong: (value: string) => string | undefined, charsMax = NAME_CHARS_MAX) =>
  z.string().superRefine((value, context) => {
    const why = value.length > charsMax ? `length must be at most ${charsMax}` : wrong(value)
    if (why !== undefined) context.addIssue({ code: 'custom', message: why })
  })
export const anyText = (charsMax: number) => text(() => undefined, charsMax)
export const orNull = <S extends z.ZodType>(schema: S) => schema.nullable().default(null)

export const between = (from: number, to: number) => {
  const error = tell(`value should be between ${from} and ${to}`)
  return z
    .int({ error: tell('expected an integer') })
    .min(from, { error })
    .max(to, { error })
}
export const numberBetween = (from: number, to: number) => {
  const error = tell(`value should be between ${from} and ${to}`)
  return z.number().min(from, { error }).max(to, { error })
}
export const timeout = between(1, TIMEOUT_MS_MAX)
export const port = between(0, 65_535)
export const oneOf = <const V extends readonly [string, ...string[]]>(...values: V) =>
  z.enum(values, { error: tell(`expected one of: ${values.join(', ')}`) })

export const list = <S extends z.ZodType>(element: S) =>
  z
    .array(element, { error: tell('expected an array') })
    .max(LIST_ITEMS_MAX, { error: `length must be at most ${LIST_ITEMS_MAX}` })
/** A list in which each value counts once. */
export const set = <S extends z.ZodType>(element: S) =>
  z
    .array(element, { error: tell('expected a set') })
    .max(LIST_ITEMS_MAX, { error: `length must be at most ${LIST_ITEMS_MAX}` })
    .overwrite((values) => [...new Set(values)])

export const uuid = z
  .string()
  .overwrite((value) => value.toLowerCase())
  .refine(isUuid, { error: 'expected a valid UUID' })
/** In upper or lower case. */
export const isUuidText = (text: string): boolean => isUuid(text.toLowerCase())
/** A reference to another entity. Names have become ids before. */
export const ref = z.strictObject({ id: uuid })
const moment = z.number().positive({ error: 'expected a valid timestamp' })

/** Beyond ASCII letters of any writing, with the marks that belong to them. */
const NAME = /^[\p{L}\p{M}\p{N}._~-]+$/u
/** Why this can be no name of a service, route or the like. */
export const wrongName = (value: string): string | undefined =>
  NAME.test(value)
    ? undefined
    : `invalid value '${value}': the only accepted ascii characters are alphanumerics or ., -, _, and ~`
export const name = text(wrongName)

const TAG = /^[^\p{C},/]+$/u
const tags = set(
  text((value) =>
    TAG.test(value)
      ? undefined
      : `invalid tag '${value}': expected printable ascii (except \`,\` and \`/\`) or valid utf-8 sequences`,
  ),
).max(TAGS_MAX, { error: `length must be at most ${TAGS_MAX}` })

const HOST_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*\.?$/
export const isHostName = (value: string): boolean => HOST_NAME.test(value) && isIP(value) === 0
const bare = (value: string): string => value.replace(/^\[(.*)\]$/, '$1')

/** Why nothing can be behind this host; nothing where it can. */
export const wrongUpstream = (host: string): string | undefined =>
  isReservedName(host.toLowerCase())
    ? `'${host}' is a part of the platform, which no route may lead to`
    : undefined

/** Why this is neither a name nor an address without a port; nothing where it is one. */
export function wrongHost(value: string): string | undefined {
  if (isIP(bare(value)) !== 0 || isHostName(value)) return undefined
  return /:[0-9]+$/.test(value) ? 'must not have a port' : `invalid value: ${value}`
}
/** Where a service is. */
export const host = text((value) => wrongHost(value) ?? wrongUpstream(value))
export const hostName = text((value) => (isHostName(value) ? undefined : `invalid value: ${value}`))
/** Of a route: also `*.example.com` and `example.*`, and with a port. */
export const hostPattern = text((value) => {
  const [whole = '', , given] = /^(.*?)(:([0-9]{1,5}))?$/.exec(value)?.slice(1) ?? []
  if (given !== undefined && Number(given) > 65_535) return 'invalid port number'
  const stars = whole.split('*').length - 1
  if (stars > 1) return 'only one wildcard must be specified'
  if (stars === 1 && !/^\*\..+|.+\.\*$/.test(whole))
    return 'wildcard must be leftmost or rightmost character'
  const plain = whole.replace(/^\*\./, '').replace(/\.\*$/, '')
  // In a Host header an address of IPv6 has its brackets, and no zone.
  const six = /^\[([^%]*)\]$/.exec(plain)?.[1]
  const known = six === undefined ? isHostName(plain) || isIP(plain) === 4 : isIP(six) === 6
  return known ? undefined : `invalid value: ${value}`
})
export const sni = text((value) => {
  if (isIP(bare(value)) !== 0) return 'must not be an IP'
  return isHostName(value) ? undefined : `invalid value: ${value}`
})

export const headerName = text((value) =>
  /^[A-Za-z0-9_-]+$/.test(value)
    ? undefined
    : `bad header name '${value}', allowed characters are A-Z, a-z, 0-9, '_', and '-'`,
)

/** A plain path in its one form; see `canonicalPath`. */
export const path = text((value) => {
  if (!value.startsWith('/')) return 'should start with: /'
  if (value.includes('//')) return 'must not have empty segments'
  return wrongPath(value)
})
function wrongPath(value: string): string | undefined {
  if (value.includes('?'))
    return `invalid path: '${value}' (characters outside of the reserved list of RFC 3986 found)`
  const canonical = canonicalPath(value)
  if (!canonical.ok) return `invalid path: '${value}' (${canonical.rule})`
  return canonical.path === value
    ? undefined
    : `non-normalized path, consider use '${canonical.path}' instead`
}

/** Of a route: a plain prefix, or `~` and a regular expression that RE2 can do. */
export const routePath = text((value) => {
  if (value.startsWith('~')) return wrongRegex(value.slice(1))
  if (!value.startsWith('/')) return 'should start with: / (fixed path) or ~/ (regexed path)'
  if (value.includes('//')) return 'must not have empty segments'
  return wrongPath(value)
}, REGEX_CHARS_MAX + 1)

/** Why RE2 cannot do this expression in a bounded time and space; nothing where it can. */
function wrongRegex(expression: string): string | undefined {
  if (!expression.startsWith('/') && !expression.startsWith('^/'))
    return 'should start with: / (fixed path) or ~/ (regexed path)'
  // Gateways have it within another one: an open `\Q` would quote what comes after it.
  const within = expression.includes('\\Q') ? `(?:${expression})` : ''
  const why = cannotCompile(expression) ?? cannotCompile(within, REGEX_CHARS_MAX + 4)
  return why === undefined ? undefined : `invalid regex: '${expression}' (RE2 returned: ${why})`
}
export function cannotCompile(expression: string, charsMax = REGEX_CHARS_MAX): string | undefined {
  if (expression.length > charsMax) return `longer than ${charsMax} characters`
  try {
    const size = RE2JS.compile(expression).programSize()
    return size > REGEX_INSTRUCTIONS_MAX ? 'the expression is too large' : undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** A record in which a name can be given to several values. */
export const valuesByName = <K extends z.ZodType<string, string>>(key: K) =>
  z.record(key, list(anyText(1_024)).min(1, { error: 'length must be at least 1' }), {
    // A name that is refused has its own sentence.
    error: (issue) =>
      issue.code === 'invalid_key' ? issue.issues[0]?.message : tell('expected a map')(issue),
  })

/** Of services and routes. */
export const PROTOCOLS = [
  'grpc',
  'grpcs',
  'http',
  'https',
  'tcp',
  'tls',
  'tls_passthrough',
  'udp',
] as const

/** What all entities have. */
export const common = {
  id: uuid.optional(),
  created_at: moment.optional(),
  updated_at: moment.optional(),
  tags: orNull(tags),
  /** What we say of an entity in answers is taken back in silence. */
  countersign: z.unknown().optional(),
}
