import { afterAll, expect, test, vi } from 'vitest'
import { until } from '../testkit/index.ts'
import type { ReadCache } from './cache.ts'

const TTL_MS = 1_000
let groups = 0
const newGroup = (): string => `group-${++groups}`
/** A load that ends when the test says so. */
function slowLoad<T>(): { load: () => Promise<T>; end: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>()
  return { load: () => promise, end: resolve }
}

/** What every `ReadCache` keeps. `make` gets the time to live; two caches of one `make` may share what is behind them. */
export function readCacheTrial(make: (ttlMs: number) => Promise<ReadCache>): void {
  const made: ReadCache[] = []
  const newCache = async (): Promise<ReadCache> => {
    const cache = await make(TTL_MS)
    made.push(cache)
    return cache
  }
  afterAll(() => Promise.all(made.map((cache) => cache.close())))

  test('loads once, and hands out the same value until the time to live is over', async () => {
    const cache = await newCache()
    const group = newGroup()
    const load = vi.fn(async () => ({ answer: 42, nested: ['a', null] }))
    for (let i = 0; i < 5; i++)
      expect(await cache.read({ group, key: 'k' }, load)).toEqual({
        answer: 42,
        nested: ['a', null],
      })
    expect(load).toHaveBeenCalledTimes(1)
    await new Promise((resolve) => setTimeout(resolve, TTL_MS + 20))
    await cache.read({ group, key: 'k' }, load)
    expect(load).toHaveBeenCalledTimes(2)
  })

  test('keeps groups and keys apart, whatever characters they hold', async () => {
    const cache = await newCache()
    const group = newGroup()
    const slots = [
      { group, key: 'a:b' },
      { group: `${group}:a`, key: 'b' },
      { group, key: '["a"]' },
      { group, key: '' },
      { group, key: 'ü\u0000\r\n' },
    ]
    for (const [i, slot] of slots.entries()) expect(await cache.read(slot, async () => i)).toBe(i)
    for (const [i, slot] of slots.entries()) expect(await cache.read(slot, async () => -1)).toBe(i)
  })

  test('many reads at one time are one load', async () => {
    const cache = await newCache()
    const group = newGroup()
    const slow = slowLoad<number>()
    const load = vi.fn(slow.load)
    const reads = Array.from({ length: 50 }, () => cache.read({ group, key: 'k' }, load))
    await until(() => load.mock.calls.length > 0, 'the load begins')
    slow.end(7)
    expect(new Set(await Promise.all(reads))).toEqual(new Set([7]))
    expect(load).toHaveBeenCalledTimes(1)
  })

  test('a load that fails is told to those who wait, and not kept', async () => {
    const cache = await newCache()
    const slot = { group: newGroup(), key: 'k' }
    await expect(cache.read(slot, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await cache.read(slot, async () => 'yes')).toBe('yes')
  })

  test('undefined is not kept', async () => {
    const cache = await newCache()
    const slot = { group: newGroup(), key: 'k' }
    expect(await cache.read(slot, async () => undefined)).toBeUndefined()
    expect(await cache.read(slot, async () => 'there')).toBe('there')
  })

  test('forgetting a group forgets all of it, and nothing else', async () => {
    const cache = await newCache()
    const [gone, stays] = [newGroup(), newGroup()]
    for (const key of ['a', 'b']) await cache.read({ group: gone, key }, async () => 'old')
    await cache.read({ group: stays, key: 'a' }, async () => 'old')
    await cache.forget([gone])
    for (const key of ['a', 'b'])
      expect(await cache.read({ group: gone, key }, async () => 'new')).toBe('new')
    expect(await cache.read({ group: stays, key: 'a' }, async () => 'new')).toBe('old')
  })

  test('a read that began before a write cannot put the old value back', async () => {
    const cache = await newCache()
    const slot = { group: newGroup(), key: 'k' }
    const slow = slowLoad<string>()
    const load = vi.fn(slow.load)
    const early = cache.read(slot, load)
    await until(() => load.mock.calls.length > 0, 'the load begins')
    await cache.forget([slot.group])
    expect(await cache.read(slot, async () => 'new')).toBe('new')
    slow.end('old')
    expect(await early).toBe('old')
    expect(await cache.read(slot, async () => 'newer')).toBe('new')
  })
}
