import { isIP } from 'node:net'
import { z } from 'zod'
import { isEmpty, quoted, wrongEntity } from './entity-check.ts'
import {
  between,
  cannotCompile,
  common,
  headerName,
  hostPattern,
  list,
  name,
  oneOf,
  orNull,
  port,
  ref,
  routePath,
  set,
  sni,
  text,
  valuesByName,
  PROTOCOLS,
} from './kinds.ts'

const method = text((value) => (/^[A-Z]+$/.test(value) ? undefined : `invalid value: ${value}`), 32)
const address = z.strictObject({
  ip: text((value) =>
    isIP(value.replace(/\/[0-9]{1,3}$/, '')) === 0
      ? `invalid ip or cidr range: '${value}'`
      : undefined,
  ).optional(),
  port: port.optional(),
})
const HOST_HEADER = {
  error: "cannot contain 'host' header, which must be specified in the 'hosts' attribute",
}
const REDIRECTS = [426, 301, 302, 307, 308]
/** Kong has routes for WebSocket alone; here they may serve ordinary requests as well, where they say so. */
const SUBSETS = [
  ['http', 'https', 'ws', 'wss'],
  ['grpc', 'grpcs'],
]
const MATCHERS: Readonly<Record<string, readonly string[]>> = {
  http: ['methods', 'hosts', 'headers', 'paths'],
  https: ['methods', 'hosts', 'headers', 'paths', 'snis'],
  grpc: ['hosts', 'headers', 'paths'],
  grpcs: ['hosts', 'headers', 'paths', 'snis'],
  ws: ['methods', 'hosts', 'headers', 'paths'],
  wss: ['methods', 'hosts', 'headers', 'paths', 'snis'],
}
const OVER_TLS: ReadonlySet<string> = new Set(['https', 'grpcs', 'wss'])

/** https://developer.konghq.com/gateway/entities/route/ */
export const routeSchema = z
  .strictObject({
    ...common,
    name: orNull(name),
    service: orNull(ref),
    protocols: set(oneOf(...PROTOCOLS, 'ws', 'wss'))
      .min(1, { error: 'length must be at least 1' })
      .default(['http', 'https']),
    methods: orNull(set(method)),
    hosts: orNull(list(hostPattern)),
    paths: orNull(list(routePath)),
    headers: orNull(
      valuesByName(
        headerName.refine((key) => key.toLowerCase() !== 'host', HOST_HEADER),
      ).superRefine(checkPatterns),
    ),
    snis: orNull(set(sni)),
    sources: orNull(set(address)),
    destinations: orNull(set(address)),
    https_redirect_status_code: between(300, 599)
      .refine((status) => REDIRECTS.includes(status), {
        error: `expected one of: ${REDIRECTS.join(', ')}`,
      })
      .default(426),
    regex_priority: between(-2_147_483_648, 2_147_483_647).default(0),
    strip_path: z.boolean().default(true),
    path_handling: oneOf('v0', 'v1').default('v0'),
    preserve_host: z.boolean().default(false),
    request_buffering: z.boolean().default(true),
    response_buffering: z.boolean().default(true),
  })
  .superRefine((route, context) => {
    const { protocols } = route
    const subset = SUBSETS.find((each) => protocols.every((protocol) => each.includes(protocol)))
    if (subset === undefined) {
      const message = `these protocols are not served together by this gateway; expected those of one of: ${SUBSETS.map((each) => `(${quoted(each)})`).join(', ')}`
      context.addIssue({ code: 'custom', message, path: ['protocols'] })
      return
    }
    for (const field of ['sources', 'destinations'] as const)
      if (!isEmpty(route[field]))
        context.addIssue({
          code: 'custom',
          message: `cannot set '${field}' when 'protocols' is '${protocols.join(', ')}'`,
          path: [field],
        })
    if (protocols.includes('grpc') || protocols.includes('grpcs')) checkGrpc(route, context)
    if (!isEmpty(route.snis) && !protocols.some((each) => OVER_TLS.has(each)))
      wrongEntity(
        context,
        "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'",
      )
    // With TLS among them a server name is enough to match by.
    const widest = protocols.find((each) => OVER_TLS.has(each)) ?? protocols[0] ?? 'http'
    const fields = MATCHERS[widest] ?? []
    if (fields.every((field) => isEmpty(route[field as keyof typeof route])))
      wrongEntity(context, `must set one of ${quoted(fields)} when 'protocols' is '${widest}'`)
  })

/** One value that begins with `~*` is a regular expression. */
function checkPatterns(
  headers: Readonly<Record<string, readonly string[]>>,
  context: z.core.$RefinementCtx,
): void {
  for (const [name, [first = '', ...others]] of Object.entries(headers)) {
    if (others.length > 0 || !first.startsWith('~*')) continue
    const why = cannotCompile(first.slice(2))
    if (why === undefined) continue
    const message = `invalid regex: '${first.slice(2)}' (RE2 returned: ${why})`
    context.addIssue({ code: 'custom', message, path: [name] })
  }
}

function checkGrpc(
  route: { readonly methods: readonly string[] | null },
  context: z.core.$RefinementCtx,
): void {
  if (!isEmpty(route.methods))
    context.addIssue({
      code: 'custom',
      message: "cannot set 'methods' when 'protocols' is 'grpc' or 'grpcs'",
      path: ['methods'],
    })
}
