import type { Log } from '@countersign/ground/telemetry'
import type { UserStore } from './user-store.ts'

/** MongoDB where the URL says so, otherwise PostgreSQL. The driver that is not needed is not loaded. */
export async function openUserStore(options: {
  url: string
  ca: string | undefined
  log: Log
}): Promise<UserStore> {
  if (options.url.startsWith('mongodb')) {
    const { openMongoUserStore } = await import('./user-store-mongo.ts')
    return openMongoUserStore(options)
  }
  const { openPostgresUserStore } = await import('./user-store-postgres.ts')
  return openPostgresUserStore(options)
}
