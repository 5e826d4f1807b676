import type { HeaderDraft, Plugin, PluginRequest } from '@countersign/kong'
import { z } from 'zod'
import { CACHED_TEXT_CHARS_MAX, CACHED_TEXTS_MAX, LIST_ENTRIES_MAX } from './limits.ts'
import { field, optional } from './schema.ts'
import { BoundedCache } from './support/bounded-cache.ts'
import { isPreflight } from './support/anonymous.ts'
import { isEmpty, optionalList } from './support/config.ts'
import { isRegex, linearRegex } from './support/linear-regex.ts'

/*
 * Which pages of other origins may read answers (Fetch standard, section 3.3; https://developer.konghq.com/plugins/cors/):
 *
 * - an origin is allowed by its whole text, or by a regular expression that matches all of it
 * - an entry without a scheme or port stands for a host
 * - `null` is no origin of anyone, and never allowed
 * - `*` together with credentials allows nobody: it would hand every page the answers of whoever is logged in
 * - a preflight request is answered here, before anybody proves who they are: no browser sends credentials with it
 * - what a service says about this goes, so that it cannot allow more
 */

const METHODS = ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']
const PLAIN = /^[A-Za-z0-9.:/-]+$/

const origin = z
  .string()
  .max(512)
  .refine((text) => text === '*' || PLAIN.test(text) || isRegex(text), {
    error: ({ input }) => `'${String(input)}' is not a valid regex`,
  })
const schema = z.strictObject({
  origins: optional(z.array(origin).max(LIST_ENTRIES_MAX)),
  headers: optionalList,
  exposed_headers: optionalList,
  methods: field(
    z.array(z.enum(METHODS, { error: `expected one of: ${METHODS.join(', ')}` })),
    METHODS,
  ),
  max_age: optional(z.number().min(0)),
  credentials: field(z.boolean(), false),
  private_network: field(z.boolean(), false),
  preflight_continue: field(z.boolean(), false),
  allow_origin_absent: field(z.boolean(), true),
})
type Config = z.output<typeof schema>

export const cors: Plugin<Config> = {
  name: 'cors',
  priority: 2000,
  schema,
  scopes: ['global', 'service', 'route'],
  safer: [
    {
      field: 'credentials',
      kong: 'true with every origin allowed: any page reads the answers of who is logged in',
      here: 'true with every origin allowed: no page may read them',
      why: 'a list of origins is what makes credentials safe to send',
    },
    {
      field: 'origins',
      kong: 'with "*", the origin null is answered like any other',
      here: 'the origin null is never allowed',
      why: 'every sandboxed frame and local file has it',
    },
  ],
  create(config) {
    const allows = createOriginCheck(config)
    const delegated = {}
    return {
      access(asked) {
        if (!isPreflight(asked)) return
        asked.notes.set(delegated, true)
        if (!config.preflight_continue)
          asked.answer({ status: 200, headers: preflightHeaders(config, allows, asked) })
      },
      head(answer, asked) {
        if (asked.notes.has(delegated)) return
        const from = asked.header('origin')
        if (from !== undefined || config.allow_origin_absent)
          writeHeaders(answer.headers, { config, allowed: allows(from) })
      },
    }
  },
}

/** What the header `Access-Control-Allow-Origin` has to say; `undefined`: it must not be there. */
type OriginCheck = (from: string | undefined) => string | undefined

function createOriginCheck({ origins, credentials }: Config): OriginCheck {
  if (origins === null || origins.length === 0 || origins.includes('*'))
    return (from) => (credentials || from === 'null' ? undefined : '*')
  const exact = new Set(origins.filter((entry) => PLAIN.test(entry)))
  const patterns = origins
    .filter((entry) => !PLAIN.test(entry))
    .map((entry) => ({ regex: linearRegex(entry), byHost: !entry.includes(':') }))
  const known = new BoundedCache<{ readonly allowed: boolean }>(CACHED_TEXTS_MAX)
  const decide = (from: string): boolean => {
    if (exact.has(from)) return true
    const host = hostOf(from)
    if (host === undefined) return false
    return (
      exact.has(host) || patterns.some(({ regex, byHost }) => regex.matches(byHost ? host : from))
    )
  }
  return (from) => {
    if (from === undefined || from === 'null' || from.length > CACHED_TEXT_CHARS_MAX)
      return undefined
    let verdict = known.get(from)
    if (verdict === undefined) {
      verdict = { allowed: decide(from) }
      known.set(from, verdict)
    }
    return verdict.allowed ? from : undefined
  }
}

/** The host of an origin as browsers write them; `undefined` for any other text. */
function hostOf(from: string): string | undefined {
  if (!URL.canParse(from)) return undefined
  const { origin: canonical, hostname, protocol } = new URL(from)
  const opaque = canonical === 'null' && /^[a-z][a-z0-9+.-]*:\/\/[a-z0-9.-]+$/i.test(from)
  return canonical === from || (opaque && protocol !== 'file:') ? hostname : undefined
}

/** Headers about origins, of any answer but that to a preflight request. */
function writeHeaders(
  headers: HeaderDraft,
  { config, allowed }: { readonly config: Config; readonly allowed: string | undefined },
): void {
  if (allowed !== '*') addVary(headers)
  headers.remove('access-control-allow-credentials')
  headers.remove('access-control-allow-origin')
  if (allowed === undefined) return
  headers.set('access-control-allow-origin', allowed)
  if (config.credentials) headers.set('access-control-allow-credentials', 'true')
  if (!isEmpty(config.exposed_headers))
    headers.set('access-control-expose-headers', (config.exposed_headers ?? []).join(','))
}

function addVary(headers: HeaderDraft): void {
  const before = headers.get('vary')
  const names = before?.split(',').map((name) => name.trim().toLowerCase()) ?? []
  if (names.includes('origin') || names.includes('*')) return
  if (before === undefined) headers.set('vary', 'Origin')
  else headers.add('vary', 'Origin')
}

function preflightHeaders(config: Config, allows: OriginCheck, asked: PluginRequest): string[] {
  const allowed = allows(asked.header('origin'))
  const headers = allowed === '*' ? [] : ['vary', 'Origin']
  if (allowed === undefined) return headers
  headers.push('access-control-allow-origin', allowed)
  if (config.credentials) headers.push('access-control-allow-credentials', 'true')
  const names = isEmpty(config.headers) ? wantedHeaders(asked) : config.headers?.join(',')
  if (names !== undefined) headers.push('access-control-allow-headers', names)
  headers.push('access-control-allow-methods', config.methods.join(','))
  if (config.max_age !== null) headers.push('access-control-max-age', String(config.max_age))
  if (config.private_network && asked.header('access-control-request-private-network') === 'true')
    headers.push('access-control-allow-private-network', 'true')
  return headers
}

/** The names that the page wants to send, where they are names. */
function wantedHeaders(asked: PluginRequest): string | undefined {
  const wanted = asked.header('access-control-request-headers')
  return wanted !== undefined && /^[A-Za-z0-9_, -]{1,1024}$/.test(wanted) ? wanted : undefined
}
