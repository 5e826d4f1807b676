import { z } from 'zod'
import { conditional } from './entity-check.ts'
import {
  between,
  common,
  host,
  list,
  name,
  oneOf,
  orNull,
  path,
  port,
  ref,
  timeout,
  uuid,
  PROTOCOLS,
} from './kinds.ts'

/** Connections without requests: this gateway answers requests only. */
const STREAMS: ReadonlySet<string> = new Set(['tcp', 'tls', 'tls_passthrough', 'udp'])
const TLS_FIELDS = [
  'client_certificate',
  'tls_verify',
  'tls_verify_depth',
  'ca_certificates',
] as const

/** https://developer.konghq.com/gateway/entities/service/ */
export const serviceSchema = z
  .strictObject({
    ...common,
    name: orNull(name),
    protocol: oneOf(...PROTOCOLS).default('http'),
    host,
    port: port.default(80),
    path: orNull(path),
    retries: between(0, 32_767).default(5),
    connect_timeout: timeout.default(60_000),
    write_timeout: timeout.default(60_000),
    read_timeout: timeout.default(60_000),
    client_certificate: orNull(ref),
    tls_verify: orNull(z.boolean()),
    tls_verify_depth: orNull(between(0, 64)),
    ca_certificates: orNull(list(uuid)),
    enabled: z.boolean().default(true),
  })
  .superRefine((service, context) => {
    const { protocol } = service
    if (STREAMS.has(protocol)) {
      const message = `'${protocol}' is not served by this gateway: it answers requests, not connections`
      context.addIssue({ code: 'custom', message, path: ['protocol'] })
    }
    if (service.path !== null && (protocol === 'grpc' || protocol === 'grpcs'))
      conditional(context, 'protocol', ['path', 'value must be null'])
    // As in Kong, and gRPC over TLS as well: it is the same connection.
    if (protocol === 'https' || protocol === 'grpcs') return
    for (const field of TLS_FIELDS)
      if (service[field] !== null) conditional(context, 'protocol', [field, 'value must be null'])
  })

/** Kong's sugar `url` becomes protocol, host, port and path. What is given beside it counts more. */
export function expandUrl(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { url, ...rest } = input
  if (typeof url !== 'string') return url === null || url === undefined ? rest : { ...input }
  const parsed = URL.parse(url)
  // The parser of Node repairs; what it would repair is left to the schema, which then misses the host.
  if (parsed === null || !/^[a-z_]+:\/\/[^/?#@]+(?:[/?#]|$)/i.test(url))
    return { host: null, ...rest }
  const protocol = parsed.protocol.slice(0, -1)
  const { pathname } = parsed
  return {
    protocol,
    host: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? (SECURE.has(protocol) ? 443 : 80) : Number(parsed.port),
    path:
      pathname === '' || (pathname === '/' && !/^[a-z_]+:\/\/[^/]+\//i.test(url))
        ? null
        : rawPath(url),
    ...rest,
  }
}
const SECURE: ReadonlySet<string> = new Set(['https', 'grpcs', 'tls'])
/** As it was written: a parsed path has lost its dots and escapes. */
const rawPath = (url: string): string => /^[a-z_]+:\/\/[^/?#]+([^?#]*)/i.exec(url)?.[1] ?? '/'
