import type { Env } from '@countersign/service'
import type { Config } from '../config/config.ts'
import type { Layout } from '../home/layout.ts'
import { ensureSecret, storeSecret } from '../home/secrets.ts'
import { prepareDatabases } from './databases.ts'
import type { Engines } from './engines.ts'
import { redisUsers } from './redis-users.ts'

/** Settings of single parts that follow from the engines in use: addresses, sockets, and files that hold secrets. */
export async function partSettings(options: {
  config: Config
  layout: Layout
  engines: Engines
  /** Our own environment. */
  env: Env
}): Promise<Readonly<Record<string, Env>>> {
  const { config, layout, engines } = options
  const [databases, redis] = await Promise.all([
    prepareDatabases({ config, layout, postgres: engines.postgres?.current() }),
    redisSettings(options),
  ])
  return {
    identity: { IDENTITY_DATABASE_URL_FILE: databases.identity },
    user: {
      USER_DATABASE_URL_FILE: databases.user,
      USER_DEMO_PEOPLE_FILE: layout.credentials,
      ...redis.user,
    },
    order: { ORDER_DATABASE_URL_FILE: databases.order, ...redis.order },
    payment: { ...paymentSettings(config, engines, options.env), ...redis.payment },
    gateway: gatewayRedis(redis.gateway),
  }
}

/** The gateway calls the user of Redis by a shorter name. */
function gatewayRedis(settings: Env | undefined): Env {
  const { GATEWAY_REDIS_USERNAME: user, ...rest } = settings ?? {}
  return user === undefined ? rest : { ...rest, GATEWAY_REDIS_USER: user }
}

const AWS_REGION = /^[a-z]{2}(-[a-z]+)+-[0-9]$/

/** The AWS SDK finds its credentials in the environment: they go to the one part that speaks to AWS. */
function paymentSettings(config: Config, engines: Engines, env: Env): Env {
  const configured = config['databases.payments']
  if (configured === undefined)
    return { PAYMENT_DYNAMO_SOCKET: engines.dynamo?.current().socketPath }
  const aws = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('AWS_')))
  return AWS_REGION.test(configured)
    ? { ...aws, PAYMENT_DYNAMO_REGION: configured }
    : { ...aws, PAYMENT_DYNAMO_ENDPOINT: configured }
}

async function redisSettings(options: {
  config: Config
  layout: Layout
  engines: Engines
}): Promise<Readonly<Record<string, Env>>> {
  const { config, layout, engines } = options
  const settings = redisUsers.map(async ({ name }): Promise<readonly [string, Env]> => {
    const prefix = name.toUpperCase()
    if (engines.redis !== undefined) {
      const { file } = await ensureSecret(layout, `redis-${name}`)
      return [
        name,
        {
          [`${prefix}_REDIS_SOCKET`]: engines.redis.current().socketPath,
          [`${prefix}_REDIS_USERNAME`]: name,
          [`${prefix}_REDIS_PASSWORD_FILE`]: file,
        },
      ]
    }
    if (config.redis === 'auto' || config.redis === 'off') return [name, {}]
    const file = await storeSecret(layout, `redis-url`, config.redis)
    return [name, { [`${prefix}_REDIS_URL_FILE`]: file }]
  })
  return Object.fromEntries(await Promise.all(settings))
}
