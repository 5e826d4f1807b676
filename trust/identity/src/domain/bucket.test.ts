import { describe, expect, test } from 'vitest'
import { giveBack, take } from './bucket.ts'

const bucket = { burst: 3, refillMs: 1_000 }

function takeTimes(count: number, now: number, from?: number): number | undefined {
  let state = from
  for (let i = 0; i < count; i++) {
    const taken = take(bucket, state, now)
    if ('waitMs' in taken) throw new Error(`refused at ${i}`)
    state = taken.state
  }
  return state
}

describe('a bucket', () => {
  test('lets its burst pass at once and then says how long to wait', () => {
    const full = takeTimes(3, 5_000)
    expect(take(bucket, full, 5_000)).toEqual({ waitMs: 1_000 })
    expect(take(bucket, full, 5_400)).toEqual({ waitMs: 600 })
    expect(take(bucket, full, 6_000)).toEqual({ state: 9_000 })
  })
  test('is not filled further by what it refuses', () => {
    const full = takeTimes(3, 0)
    for (let i = 0; i < 100; i++) expect(take(bucket, full, 10)).toEqual({ waitMs: 990 })
  })
  test('is empty again after a rest, and no emptier than that', () => {
    const full = takeTimes(3, 0)
    expect(takeTimes(3, 100_000, full)).toBe(103_000)
  })
  test('takes back what was taken, never more', () => {
    const two = takeTimes(2, 0)
    expect(giveBack(bucket, two, 0)).toBe(1_000)
    expect(giveBack(bucket, 1_000, 0)).toBeUndefined()
    expect(giveBack(bucket, undefined, 0)).toBeUndefined()
  })
})
