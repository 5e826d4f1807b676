import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WATCHED_MAX } from '../limits.ts'
import { BoundedMap } from './bounded-map.ts'
import { Burst } from './burst.ts'

test('a burst is found exactly where so many lie within the window', () => {
  const times = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 })
  fc.assert(
    fc.property(times, (steps) => {
      const burst = new Burst({ count: 5, windowMs: 300 })
      const seen: number[] = []
      let at = 0
      for (const step of steps) {
        at += step
        seen.push(at)
        const fifth = seen.at(-5)
        expect(burst.add('key', at)).toBe(fifth !== undefined && at - fifth <= 300)
      }
    }),
  )
})
test('an order that is mixed up finds the same burst', () => {
  const burst = new Burst({ count: 3, windowMs: 10 })
  expect([30, 5, 32].map((time) => burst.add('key', time))).toEqual([false, false, false])
  expect(burst.add('key', 31)).toBe(true)
})
test('memory is bounded', () => {
  const map = new BoundedMap<number>(WATCHED_MAX)
  for (let i = 0; i < WATCHED_MAX * 3; i++) map.set(`key ${i}`, i)
  expect(map.size).toBe(WATCHED_MAX)
})
