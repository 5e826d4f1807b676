import { isIP } from 'node:net'
import { z } from 'zod'
import { TARGET_PORT, TARGET_WEIGHT_MAX } from '../limits.ts'
import { conditional, wrongEntity } from './entity-check.ts'
import {
  between,
  common,
  headerName,
  hostName,
  isHostName,
  list,
  name,
  numberBetween,
  oneOf,
  orNull,
  path,
  ref,
  sni,
  text,
  valuesByName,
  wrongHost,
  wrongUpstream,
} from './kinds.ts'

const HASH_ON = [
  'none',
  'consumer',
  'ip',
  'header',
  'cookie',
  'path',
  'query_arg',
  'uri_capture',
] as const
const hashOn = oneOf(...HASH_ON).default('none')
const count = between(0, 255).default(0)
const seconds = numberBetween(0, 65_535)
const statuses = (...values: number[]) => list(between(100, 999)).default(values)
const checkType = oneOf('tcp', 'http', 'https', 'grpc', 'grpcs').default('http')
const cookieName = text((value) =>
  /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(value) ? undefined : `bad cookie name '${value}'`,
)
const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** What a gateway says itself in a check; see `requestHead`, which would refuse each of them. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  ...['connection', 'content-length', 'expect', 'host', 'keep-alive', 'transfer-encoding'],
  'upgrade',
])
/** A check that cannot be sent says nothing of its target, which would never be left out. */
const checkHeaders = valuesByName(
  headerName.refine((key) => !OWN_HEADERS.has(key.toLowerCase()), {
    error: 'cannot be set: the gateway writes this header itself',
  }),
).superRefine((headers, context) => {
  for (const [name, values] of Object.entries(headers))
    for (const [i, value] of values.entries())
      if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
        context.addIssue({
          code: 'custom',
          message: 'a header has no such characters',
          path: [name, i],
        })
})

const active = z.strictObject({
  type: checkType,
  timeout: seconds.default(1),
  concurrency: between(1, 2_147_483_648).default(10),
  http_path: path.default('/'),
  https_sni: orNull(sni),
  https_verify_certificate: z.boolean().default(true),
  headers: orNull(checkHeaders),
  healthy: z
    .strictObject({
      interval: seconds.default(0),
      http_statuses: statuses(200, 302),
      successes: count,
    })
    .prefault({}),
  unhealthy: z
    .strictObject({
      interval: seconds.default(0),
      http_statuses: statuses(429, 404, ...range(500, 505)),
      tcp_failures: count,
      timeouts: count,
      http_failures: count,
    })
    .prefault({}),
})
const passive = z.strictObject({
  type: checkType,
  healthy: z
    .strictObject({
      http_statuses: statuses(...range(200, 208), 226, ...range(300, 308)),
      successes: count,
    })
    .prefault({}),
  unhealthy: z
    .strictObject({
      http_statuses: statuses(429, 500, 503),
      tcp_failures: count,
      timeouts: count,
      http_failures: count,
    })
    .prefault({}),
})

/** What each way of hashing needs to be told, first choice and fallback. */
const NEEDS: Readonly<Record<string, readonly [string, string]>> = {
  header: ['hash_on_header', 'hash_fallback_header'],
  cookie: ['hash_on_cookie', 'hash_on_cookie'],
  query_arg: ['hash_on_query_arg', 'hash_fallback_query_arg'],
  uri_capture: ['hash_on_uri_capture', 'hash_fallback_uri_capture'],
}

/** https://developer.konghq.com/gateway/entities/upstream/ */
export const upstreamSchema = z
  .strictObject({
    ...common,
    name: text((value) => {
      if (isIP(value) !== 0) return 'Invalid name; no ip addresses allowed'
      if (/:[0-9]+$/.test(value)) return 'Invalid name; no port allowed'
      return isHostName(value) ? undefined : 'Invalid name; must be a valid hostname'
    }),
    algorithm: oneOf('consistent-hashing', 'least-connections', 'round-robin', 'latency').default(
      'round-robin',
    ),
    hash_on: hashOn,
    hash_fallback: hashOn,
    hash_on_header: orNull(headerName),
    hash_fallback_header: orNull(headerName),
    hash_on_cookie: orNull(cookieName),
    hash_on_cookie_path: path.default('/'),
    hash_on_query_arg: orNull(name),
    hash_fallback_query_arg: orNull(name),
    hash_on_uri_capture: orNull(name),
    hash_fallback_uri_capture: orNull(name),
    slots: between(10, 65_536).default(10_000),
    healthchecks: z
      .strictObject({
        active: active.prefault({}),
        passive: passive.prefault({}),
        threshold: numberBetween(0, 100).default(0),
      })
      .prefault({}),
    host_header: orNull(hostName),
    client_certificate: orNull(ref),
    use_srv_name: z.boolean().default(false),
  })
  .superRefine((upstream, context) => {
    const { hash_on: on, hash_fallback: fallback } = upstream
    const has = (field: string): boolean => upstream[field as keyof typeof upstream] !== null
    const [first] = NEEDS[on] ?? []
    const [, second] = NEEDS[fallback] ?? []
    if (first !== undefined && !has(first))
      conditional(context, 'hash_on', [first, 'required field missing'])
    if (second !== undefined && second !== first && !has(second))
      conditional(context, 'hash_fallback', [second, 'required field missing'])
    if ((on === 'none' || on === 'cookie') && fallback !== 'none')
      conditional(context, 'hash_on', ['hash_fallback', 'expected one of: none'])
    else if (on === fallback && (on === 'consumer' || on === 'ip' || on === 'path'))
      conditional(context, 'hash_on', [
        'hash_fallback',
        `expected one of: ${HASH_ON.filter((each) => each !== on).join(', ')}`,
      ])
    for (const [one, other] of Object.values(NEEDS))
      if (one !== other && has(one) && same(upstream, one, other))
        wrongEntity(context, `values of these fields must be distinct: '${one}', '${other}'`)
  })

const same = (upstream: object, one: string, other: string): boolean => {
  const values = upstream as Record<string, unknown>
  return String(values[one]).toLowerCase() === String(values[other]).toLowerCase()
}

/** https://developer.konghq.com/gateway/entities/target/ */
export const targetSchema = z.strictObject({
  ...common,
  upstream: ref,
  target: text((value) => {
    const normal = normalTarget(value)
    return normal === undefined
      ? 'Invalid target; not a valid hostname or ip address'
      : wrongUpstream(normal.slice(0, normal.lastIndexOf(':')))
  }).overwrite((value) => normalTarget(value) ?? value),
  weight: between(0, TARGET_WEIGHT_MAX).default(100),
})

/** `host:port`, with Kong's port where none is given; `undefined` for what is no address. */
export function normalTarget(text: string): string | undefined {
  const [, six, four = '', port] = /^(?:\[([^\]]+)\]|([^:]+))(?::([0-9]{1,5}))?$/.exec(text) ?? []
  const address = six ?? four
  if (isIP(text) === 6) return `[${text}]:${TARGET_PORT}`
  const known = six === undefined ? wrongHost(address) === undefined : isIP(six) === 6
  const number = port === undefined ? TARGET_PORT : Number(port)
  if (!known || number > 65_535) return undefined
  return `${six === undefined ? address.toLowerCase() : `[${six}]`}:${number}`
}
