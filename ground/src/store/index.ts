import { randomBytes } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export * from './cache.ts'
export { createMemoryCache } from './cache-memory.ts'
export { createRedisCache, type RedisCacheOptions } from './cache-redis.ts'
export * from './migrate.ts'
export * from './nearby.ts'
export * from './postgres.ts'
export * from './uuid.ts'

/** Replaces a file as a whole: after a crash it holds the old content or the new, never a part. Durable on return. */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  mode = 0o600,
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', mode)
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** Makes a rename or a creation inside a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
