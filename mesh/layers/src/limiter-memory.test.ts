import fc from 'fast-check'
import { expect, it } from 'vitest'
import { limiterTrial, limitOf } from './limiter.trial.ts'
import { createMemoryLimiter } from './limiter-memory.ts'
import { shareOf } from './limiter-usage.ts'

limiterTrial('the memory limiter', (now) => Promise.resolve(createMemoryLimiter({ now })))

it('divides any limit among any number of instances without a rest', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.integer({ min: 1, max: 50 }), (total, of) => {
      let sum = 0
      for (let index = 0; index < of; index++) sum += shareOf(total, { index, of })
      expect(sum).toBe(total)
    }),
  )
})
it('lets all instances together pass exactly the limit', async () => {
  const limit = limitOf('5/second, 7/hour per person')
  const instances = [0, 1, 2].map((index) =>
    createMemoryLimiter({ now: () => 0, share: { index, of: 3 } }),
  )
  let passed = 0
  for (const limiter of instances)
    for (let i = 0; i < 50; i++) if ((await limiter.take('a', limit)).allowed) passed++
  expect(passed).toBe(5)
})
it('counts a bounded number of keys, and lets the others share one count rather than pass', async () => {
  const limiter = createMemoryLimiter({ now: () => 0, keysMax: 100 })
  const limit = limitOf('2/hour per address')
  let passed = 0
  for (let i = 0; i < 1_000; i++) if ((await limiter.take(`a${i}`, limit)).allowed) passed++
  expect(passed).toBe(100 + 2)
})
