import { readSettings } from '@countersign/ground/config'
import type { Env } from '@countersign/service'
import { z } from 'zod'

const databaseUrl = z
  .string()
  .regex(
    /^(?:postgres|postgresql|mongodb|mongodb\+srv):\/\//,
    'is not an address that begins with postgresql:// or mongodb://',
  )
const optional = z.string().min(1).optional()

/** Settings of the user service. Each can come from a file: `USER_DATABASE_URL_FILE` and so on. */
export function settings(env: Env) {
  return readSettings(env, {
    USER_DATABASE_URL: databaseUrl,
    /** PEM of the roots that sign a remote PostgreSQL's certificate. For MongoDB the URL names a `tlsCAFile`. */
    USER_DATABASE_CA: optional,
    /** Path of a JSON list of people, made by whoever starts the platform; used while the store holds nobody else. */
    USER_DEMO_PEOPLE_FILE: optional,
    USER_REDIS_SOCKET: optional,
    USER_REDIS_URL: optional,
    USER_REDIS_USERNAME: optional,
    USER_REDIS_PASSWORD: optional,
  })
}
