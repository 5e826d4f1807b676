import { describe, expect, it } from 'vitest'
import { pickInstance } from './balance.ts'

const instance = (inFlight: number, available = true) => ({ inFlight, available })
/** Repeatable numbers (a linear congruential generator). */
function numbers(seed = 1): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

describe('the choice of an instance', () => {
  it('is the one with less to do of two', () => {
    const busy = instance(9)
    const free = instance(1)
    const random = numbers()
    for (let i = 0; i < 50; i++) expect(pickInstance([busy, free], random)).toBe(free)
  })
  it('spreads even work evenly, and never falls on one that is not available', () => {
    const instances = Array.from({ length: 5 }, (_, i) => ({ inFlight: 0, available: i !== 2 }))
    const random = numbers()
    for (let i = 0; i < 4_000; i++) {
      const picked = pickInstance(instances, random)
      if (picked !== undefined) picked.inFlight++
    }
    expect(instances[2]?.inFlight).toBe(0)
    for (const { inFlight, available } of instances)
      if (available) expect(Math.abs(inFlight - 1_000)).toBeLessThan(20)
  })
  it('avoids the one that was tried, unless there is no other', () => {
    const tried = instance(0)
    const other = instance(5)
    const random = numbers()
    expect(pickInstance([tried, other], random, tried)).toBe(other)
    expect(pickInstance([tried], random, tried)).toBe(tried)
    expect(pickInstance([tried, instance(0, false)], random, tried)).toBe(tried)
  })
  it('is none where none is available', () => {
    expect(pickInstance([], Math.random)).toBeUndefined()
    expect(pickInstance([instance(0, false), instance(0, false)], Math.random)).toBeUndefined()
    const lost = instance(0, false)
    expect(pickInstance([lost], Math.random, lost)).toBeUndefined()
  })
})
