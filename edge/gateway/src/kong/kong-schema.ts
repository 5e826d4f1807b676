import { z } from 'zod'

/*
 * The part of Kong's declarative format that this gateway honours. Whatever is not here is a mistake and is
 * named: a setting that is read over in silence is a door somebody believes to be shut.
 */
const label = z.string().min(1).max(128)
const tags = z.array(label).max(32).optional()
const count = z.int().positive().max(999_999_999)

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

/** Settings of each plugin. Where two values would mean the same here, both are taken. */
export const pluginSchemas = {
  /** Tokens are those of the platform's identity provider, with `exp`, `nbf`, `iss` and `aud` always checked. */
  jwt: z.strictObject({
    claims_to_verify: z.array(z.enum(['exp', 'nbf'])).optional(),
    key_claim_name: z.literal('iss').optional(),
  }),
  /** Groups are roles. */
  acl: z.strictObject({ allow: z.array(label).min(1).max(32) }),
  'rate-limiting': z.strictObject({
    second: count.optional(),
    minute: count.optional(),
    hour: count.optional(),
    day: count.optional(),
    limit_by: z.enum(['consumer', 'ip']).default('consumer'),
    /** Where counters live is a setting of the gateway: shared in Redis when it has one, by its own share otherwise. */
    policy: z.enum(['local', 'redis']).optional(),
  }),
  'request-size-limiting': z.strictObject({
    allowed_payload_size: z.int().positive().default(128),
    size_unit: z.enum(['bytes', 'kilobytes', 'megabytes']).default('megabytes'),
  }),
}
export type PluginName = keyof typeof pluginSchemas
export type PluginConfig = { [K in PluginName]: z.output<(typeof pluginSchemas)[K]> }
const known = Object.keys(pluginSchemas) as [PluginName, ...PluginName[]]

const plugin = z.strictObject({
  name: z.enum(known, {
    error: (issue) =>
      `the plugin ${JSON.stringify(issue.input)} is not known here; known are ${known.join(', ')}`,
  }),
  config: z.record(z.string(), z.unknown()).default({}),
})
export type Plugin = z.output<typeof plugin>

const route = z.strictObject({
  name: label.regex(
    /^[A-Za-z][A-Za-z0-9_-]*$/,
    'must begin with a letter and hold only letters, digits, "-" and "_"',
  ),
  paths: z.array(z.string().max(256)).min(1).max(32),
  methods: z.array(z.enum(METHODS)).min(1).optional(),
  hosts: z
    .array(
      z.string().regex(/^[a-z0-9.-]+$/, 'must be a host name in lower case, without wildcards'),
    )
    .min(1)
    .max(32)
    .optional(),
  strip_path: z.boolean().default(true),
  tags,
  plugins: z.array(plugin).default([]),
})
export type KongRoute = z.output<typeof route>

const service = z.strictObject({
  name: label,
  url: z.string().max(512).optional(),
  protocol: z.literal('https', 'must be https: services are reached over mutual TLS').optional(),
  host: label.optional(),
  /** Taken for compatibility; the port is the one that the registry tells. */
  port: z.int().min(1).max(65_535).optional(),
  path: z.string().startsWith('/').max(256).optional(),
  /** Milliseconds. */
  read_timeout: z.int().positive().max(600_000).default(60_000),
  tags,
  plugins: z.array(plugin).default([]),
  routes: z.array(route).default([]),
})
export type KongService = z.output<typeof service>

export const kongSchema = z.strictObject({
  _format_version: z.enum(['1.1', '2.1', '3.0'], 'must be "1.1", "2.1" or "3.0"'),
  services: z.array(service).default([]),
  plugins: z.array(plugin).default([]),
})
export type KongFile = z.output<typeof kongSchema>

/** What to say of keys that people know from Kong and that have another place here. */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  consumers: 'people and their roles come from the identity provider',
  routes: 'write a route under its service',
  upstreams: 'instances come from the registry',
  certificates: 'certificates come from the authority',
  ca_certificates: 'roots come from the authority',
  url: 'write either "url" or "host" and "path"',
}
