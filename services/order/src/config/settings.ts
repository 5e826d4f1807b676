import { readSettings } from '@countersign/ground/config'
import type { Env } from '@countersign/service'
import { z } from 'zod'

const optional = z.string().min(1).optional()

/** Settings of the order service. Each can come from a file: `ORDER_DATABASE_URL_FILE` and so on. */
export function settings(env: Env) {
  return readSettings(env, {
    ORDER_DATABASE_URL: z
      .string()
      .regex(/^postgres(?:ql)?:\/\//, 'is not an address that begins with postgresql://'),
    /** PEM of the roots that sign a remote PostgreSQL's certificate; the system's where nothing is said. */
    ORDER_DATABASE_CA: optional,
    ORDER_REDIS_SOCKET: optional,
    ORDER_REDIS_URL: optional,
    ORDER_REDIS_USERNAME: optional,
    ORDER_REDIS_PASSWORD: optional,
  })
}
