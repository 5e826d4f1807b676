import { describe, expect, test } from 'vitest'
import { readCacheTrial } from './cache.trial.ts'
import { createMemoryCache } from './cache-memory.ts'

describe('the memory cache', () => {
  readCacheTrial(async (ttlMs) => createMemoryCache({ ttlMs }))

  test('holds no more entries than allowed, and keeps what is used', async () => {
    const cache = createMemoryCache({ ttlMs: 60_000, entriesMax: 3 })
    const read = (key: string, value: string): Promise<string> =>
      cache.read({ group: key, key }, async () => value)
    for (const key of ['a', 'b', 'c']) await read(key, 'first')
    await read('a', 'again')
    await read('d', 'first')
    expect(await read('a', 'again')).toBe('first')
    expect(await read('d', 'again')).toBe('first')
    expect(await read('b', 'again')).toBe('again')
  })

  test('what a reader does to its value does not change the next one', async () => {
    const cache = createMemoryCache({ ttlMs: 60_000 })
    const read = (): Promise<string[]> =>
      cache.read({ group: 'g', key: 'k' }, async () => ['untouched'])
    await read()
    ;(await read()).push('mine')
    expect(await read()).toEqual(['untouched'])
  })
})
