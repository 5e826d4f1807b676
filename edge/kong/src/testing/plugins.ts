import { z } from 'zod'
import type { Plugin } from '../plugin.ts'

/* Plugins with Kong's names, as small as a test of what surrounds them needs. */
const count = z.number().positive().optional()
const redis = z
  .strictObject({
    host: z.string().nullable().default(null),
    port: z.int().min(0).max(65_535).default(6379),
    timeout: z.int().default(2000),
    password: z.string().nullable().default(null),
    database: z.int().default(0),
    ssl: z.boolean().default(false),
  })
  .prefault({})

const plugin = (name: string, schema: z.ZodType, more: Partial<Plugin> = {}): Plugin => ({
  name,
  priority: 1,
  schema,
  create: () => ({}),
  ...more,
})

export const testPlugins: readonly Plugin[] = [
  plugin(
    'jwt',
    z.strictObject({
      claims_to_verify: z.array(z.enum(['exp', 'nbf'])).default(['exp']),
      key_claim_name: z.string().default('iss'),
    }),
    {
      authenticates: true,
      safer: [
        {
          field: 'claims_to_verify',
          kong: 'none',
          here: 'exp',
          why: 'a token without an end is for ever',
        },
      ],
    },
  ),
  plugin(
    'rate-limiting',
    z
      .strictObject({
        second: count,
        minute: count,
        hour: count,
        limit_by: z.enum(['consumer', 'ip']).default('consumer'),
        policy: z.enum(['local', 'redis']).default('local'),
        redis,
      })
      .superRefine((config, context) => {
        if ([config.second, config.minute, config.hour].every((each) => each === undefined))
          context.addIssue({
            code: 'custom',
            message: "at least one of these fields must be non-empty: 'second', 'minute', 'hour'",
          })
      }),
  ),
  plugin('mtls-auth', z.strictObject({ ca_certificates: z.array(z.string()).min(1) }), {
    authenticates: true,
  }),
  plugin('prometheus', z.strictObject({ per_consumer: z.boolean().default(false) }), {
    scopes: ['global', 'service', 'route'],
  }),
  plugin('acl', z.strictObject({ allow: z.array(z.string()).optional() }), {
    scopes: ['service', 'route'],
  }),
  plugin('key-auth', z.strictObject({ key_names: z.array(z.string()).default(['apikey']) }), {
    authenticates: true,
  }),
]
