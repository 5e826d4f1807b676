import { z } from 'zod'
import { field, headerName, nested, optional } from '../schema.ts'

/*
 * Configuration of rate-limiting, as Kong Gateway 3 knows it
 * (https://developer.konghq.com/plugins/rate-limiting/reference/):
 * - at least one period; a longer one never allows less than a shorter one
 * - `redis_host` and its like are the old spelling of `redis.host` and its like
 */
export const PERIODS = ['second', 'minute', 'hour', 'day', 'month', 'year'] as const
export type Period = (typeof PERIODS)[number]

const REDIS_PORT = 6_379
const REDIS_TIMEOUT_MS = 2_000
const port = z.int().min(0).max(65_535)
const limit = optional(
  z.number().gt(0, 'value must be greater than 0').min(1, 'less than one request').max(1e9),
)

const fields = z.strictObject({
  second: limit,
  minute: limit,
  hour: limit,
  day: limit,
  month: limit,
  year: limit,
  limit_by: field(
    z.enum(['consumer', 'credential', 'ip', 'service', 'header', 'path']),
    'consumer',
  ),
  header_name: optional(headerName),
  path: optional(z.string().max(4_096).startsWith('/', 'should start with: /')),
  policy: field(z.enum(['local', 'cluster', 'redis']), 'local'),
  fault_tolerant: field(z.boolean(), true),
  hide_client_headers: field(z.boolean(), false),
  error_code: field(z.int().min(400).max(599), 429),
  error_message: field(z.string().min(1).max(1_000), 'API rate limit exceeded'),
  sync_rate: field(
    z.number().refine((rate) => rate === -1 || rate >= 0.02, 'value must be -1 or at least 0.02'),
    -1,
  ),
  redis: nested({
    host: optional(z.string().min(1).max(253)),
    port: field(port, REDIS_PORT),
    timeout: field(
      z
        .number()
        .min(0)
        .max(2 ** 31 - 2),
      REDIS_TIMEOUT_MS,
    ),
    username: optional(z.string().max(256)),
    // Never used: the gateway knows its own. What is not needed is not kept.
    password: optional(z.string().max(1_024)).transform(() => null),
    database: field(z.int().min(0), 0),
    ssl: field(z.boolean(), false),
    ssl_verify: field(z.boolean(), false),
    server_name: optional(z.string().max(253)),
  }),
  redis_host: z.string().max(253).nullish(),
  redis_port: port.nullish(),
  redis_timeout: z.number().nullish(),
  redis_username: z.string().max(256).nullish(),
  redis_password: z.string().max(1_024).nullish(),
  redis_database: z.int().min(0).nullish(),
  redis_ssl: z.boolean().nullish(),
  redis_ssl_verify: z.boolean().nullish(),
  redis_server_name: z.string().max(253).nullish(),
})
type Fields = z.output<typeof fields>

export const rateLimitingSchema = fields.transform(modernised).superRefine((config, context) => {
  for (const { path, message } of faultsOf(config))
    context.addIssue({ code: 'custom', path: [...path], message })
})
export type RateLimitingConfig = ReturnType<typeof modernised>

/** The same with `redis_*` moved to where it belongs; what stands there already stays. */
function modernised({
  redis_host,
  redis_port,
  redis_timeout,
  redis_username,
  redis_password: _unused,
  redis_database,
  redis_ssl,
  redis_ssl_verify,
  redis_server_name,
  ...rest
}: Fields): Omit<Fields, `redis_${string}`> {
  const { redis } = rest
  return {
    ...rest,
    redis: {
      host: redis.host ?? redis_host ?? null,
      port: redis.port === REDIS_PORT ? (redis_port ?? redis.port) : redis.port,
      timeout:
        redis.timeout === REDIS_TIMEOUT_MS ? (redis_timeout ?? redis.timeout) : redis.timeout,
      username: redis.username ?? redis_username ?? null,
      password: null,
      database: redis.database === 0 ? (redis_database ?? 0) : redis.database,
      ssl: redis.ssl || redis_ssl === true,
      ssl_verify: redis.ssl_verify || redis_ssl_verify === true,
      server_name: redis.server_name ?? redis_server_name ?? null,
    },
  }
}

interface Fault {
  readonly path: readonly string[]
  readonly message: string
}
function* faultsOf(config: RateLimitingConfig): Generator<Fault> {
  yield* periodFaults(config)
  if (config.limit_by === 'header' && config.header_name === null)
    yield { path: ['header_name'], message: 'required field missing' }
  if (config.limit_by === 'path' && config.path === null)
    yield { path: ['path'], message: 'required field missing' }
  if (config.policy === 'redis' && config.redis.host === null)
    yield { path: ['redis', 'host'], message: 'required field missing' }
}

function* periodFaults(config: RateLimitingConfig): Generator<Fault> {
  const set = PERIODS.filter((period) => config[period] !== null)
  if (set.length === 0) {
    const names = PERIODS.map((period) => `'config.${period}'`).join(', ')
    yield { path: [], message: `at least one of these fields must be non-empty: ${names}` }
  }
  for (const [i, shorter] of set.entries())
    for (const longer of set.slice(i + 1)) {
      const [low, high] = [config[shorter] ?? 0, config[longer] ?? 0]
      if (high < low)
        yield {
          path: [],
          message: `The limit for ${longer}(${high.toFixed(1)}) cannot be lower than the limit for ${shorter}(${low.toFixed(1)})`,
        }
    }
}
