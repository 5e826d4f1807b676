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
    payment: { ...paymentSettings(config, engines), ...redis.payment },
    gateway: {
      ...gatewayRedis(redis.gateway),
      ...(config.kongFile === undefined ? {} : { GATEWAY_KONG_FILE: config.kongFile }),
    },
    audit: { AUDIT_FOLDER: layout.audit },
  }
}

/** The gateway calls the user of Redis by a shorter name. */
function gatewayRedis(settings: Env | undefined): Env {
  const { GATEWAY_REDIS_USERNAME: user, ...rest } = settings ?? {}
  return user === undefined ? rest : { ...rest, GATEWAY_REDIS_USER: user }
}

function paymentSettings(config: Config, engines: Engines): Env {
  const configured = config['databases.payments']
  if (configured !== undefined) return { PAYMENT_DYNAMODB_ENDPOINT: configured }
  return { PAYMENT_DYNAMODB_SOCKET: engines.dynamo?.current().socketPath }
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
