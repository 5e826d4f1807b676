import { createMemoryCache } from './cache-memory.ts'
import { createRedisCache, type RedisCacheOptions } from './cache-redis.ts'

/** Where a read belongs. */
export interface CacheSlot {
  /** What an invalidation forgets together, as in `order:<id>` or `owner:<person>`. */
  readonly group: string
  /** Which read of the group it is. It must tell apart those who may see different things. */
  readonly key: string
}

/**
 * A cache of hot reads, beside a store that holds the truth.
 * Promises: what it hands out was loaded for this very group and key, no longer than the time to live ago;
 * after `forget` has resolved, this instance hands out nothing that was loaded before it was called - not even
 * by a read that had begun earlier and ends later; loads of one slot at one time are one load; the number of
 * entries is bounded; trouble with the cache itself is never an error of the read: it asks the store instead.
 * Values cross the cache as JSON: dates and undefined do not survive. `undefined` is not kept.
 */
export interface ReadCache {
  read<T>(slot: CacheSlot, load: () => Promise<T>): Promise<T>
  /** Call it after the write is committed, and before the answer that tells of it. */
  forget(groups: readonly string[]): Promise<void>
  /** For the audit event: what answered reads. */
  readonly engine: string
  close(): Promise<void>
}

export interface CacheOptions {
  /** Longest time that a value is handed out, in milliseconds. Each entry lives a little shorter, by chance. */
  readonly ttlMs: number
  readonly entriesMax?: number
  readonly now?: () => number
}

/** Redis where a socket or a URL is given, otherwise memory of this process. Does not fail for a Redis that is away. */
export function createReadCache(
  options: CacheOptions & Omit<RedisCacheOptions, keyof CacheOptions>,
): Promise<ReadCache> {
  const redis = options.socketPath !== undefined || options.url !== undefined
  return redis ? createRedisCache(options) : Promise.resolve(createMemoryCache(options))
}

/** Up to a fifth shorter, so that what was loaded together does not expire together. */
export function withJitter(ttlMs: number): number {
  return Math.ceil(ttlMs * (1 - Math.random() * 0.2))
}
