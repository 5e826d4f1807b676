import { expect, it } from 'vitest'
import { fleetStoreTrial } from './fleet-store.trial.ts'
import { NO_FLEET_STORE, partOfFleet } from './fleet-store.ts'
import { createMemoryFleetStore } from './fleet-store-memory.ts'

fleetStoreTrial('the memory store', async () => {
  let clock = 0
  const store = createMemoryFleetStore({ now: () => clock })
  return {
    stores: [store, store],
    async pass(ms) {
      clock += ms
    },
  }
})

it('has a bound, and room again as time goes by', async () => {
  let clock = 0
  const store = createMemoryFleetStore({ now: () => clock, bytesMax: 10_000 })
  const fill = async (): Promise<number> => {
    let put = 0
    for (let i = 0; i < 100; i++)
      if ((await store.putNew(`${10_000 + clock} ${i}`, 'x'.repeat(100), 5_000)) !== 'away') put++
    return put
  }
  const room = await fill()
  expect(room).toBeGreaterThan(10)
  expect(room).toBeLessThan(100)
  clock += 4_000
  expect(await fill()).toBe(0)
  clock += 2_000
  expect(await fill()).toBe(room)
})

it('is divided by prefixes', async () => {
  const store = createMemoryFleetStore()
  const [a, b] = ['a:', 'b:'].map((prefix) => partOfFleet(store, prefix))
  expect(await a?.putNew('key', 'of a', 1_000)).toBe('young')
  expect(await b?.putNew('key', 'of b', 1_000)).toBe('young')
  expect(await a?.swap('key', 'of b', undefined)).toBe('other')
  expect([await a?.get('key'), await b?.get('key')]).toEqual([{ text: 'of a' }, { text: 'of b' }])
})

it('is away where there is none', async () => {
  expect(await NO_FLEET_STORE.putNew('a', '', 1_000)).toBe('away')
  expect(await NO_FLEET_STORE.get('a')).toBe('away')
  expect(await NO_FLEET_STORE.swap('a', '', undefined)).toBe('away')
})
