import { expect, it } from 'vitest'
import { awakeTime } from './awake-time.ts'

it('counts time like any clock, but not that in which nobody looked', () => {
  let now = 5_000
  const time = awakeTime(1_000, () => now)
  const after = (ms: number): number => {
    now += ms
    return time()
  }
  expect(after(0)).toBe(5_000)
  expect(after(1_003)).toBe(6_003)
  // Late, as on a busy machine.
  expect(after(1_900)).toBe(7_903)
  // A machine that was put to sleep for an hour.
  expect(after(3_600_000)).toBe(8_903)
  expect(after(1_000)).toBe(9_903)
})
