import type { Postgres } from '@countersign/engines'
import type { Config } from '../config/config.ts'
import type { Layout } from '../home/layout.ts'
import { ensureSecret, storeSecret } from '../home/secrets.ts'

/*
 * The databases that services keep in PostgreSQL: one each, with a role that can open no other. A configured address
 * goes before the embedded engine.
 */
const DATABASES = [
  { service: 'identity', database: 'identity', setting: 'databases.identity' },
  { service: 'user', database: 'users', setting: 'databases.users' },
  { service: 'order', database: 'orders', setting: 'databases.orders' },
] as const

/** Whether any service needs the embedded PostgreSQL. */
export function needsPostgres(config: Config): boolean {
  return DATABASES.some(({ setting }) => config[setting] === undefined)
}

/**
 * Makes what is missing, and writes each address into a file that its service reads (0600). Returns the file of each
 * service. Safe to repeat.
 */
export async function prepareDatabases(options: {
  config: Config
  layout: Layout
  postgres: Postgres | undefined
}): Promise<Readonly<Record<string, string>>> {
  const { config, layout, postgres } = options
  const files = DATABASES.map(async ({ service, database, setting }) => {
    const configured = config[setting]
    const url = configured ?? (await embeddedUrl(database, { layout, postgres }))
    return [service, await storeSecret(layout, `${service}-database-url`, url)] as const
  })
  return Object.fromEntries(await Promise.all(files))
}

async function embeddedUrl(
  database: string,
  { layout, postgres }: { layout: Layout; postgres: Postgres | undefined },
): Promise<string> {
  if (postgres === undefined)
    throw new Error('broken invariant: no engine for an unconfigured database')
  const { value: password } = await ensureSecret(layout, `postgres-${database}`)
  await postgres.createDatabase({ name: database, owner: database, password })
  return postgres.url({ database, user: database, password })
}
