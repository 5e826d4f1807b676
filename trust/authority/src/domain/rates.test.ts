import { describe, expect, it } from 'vitest'
import { JOIN_RATES_MAX } from '../limits.ts'
import { type Buckets, takeFor } from './rates.ts'

const rate = { burst: 100, perSecond: 10 }

describe('the rate of somebody', () => {
  it('allows a burst, then what is refilled, and counts each apart', () => {
    const buckets: Buckets = new Map()
    const passed = (who: string, count: number, now: number) =>
      Array.from({ length: count }, () => takeFor(buckets, who, rate, now)).filter(Boolean).length
    expect(passed('a', 300, 0)).toBe(100)
    expect(passed('b', 10, 0)).toBe(10)
    expect(passed('a', 300, 1_000)).toBe(10)
    expect(passed('a', 300, 500)).toBe(0)
    expect(passed('a', 1_000, 1_000_000)).toBe(100)
  })

  it('is remembered for a bounded number', () => {
    const buckets: Buckets = new Map()
    for (let i = 0; i < JOIN_RATES_MAX * 2; i++) takeFor(buckets, `a${i}`, rate, i)
    expect(buckets.size).toBe(JOIN_RATES_MAX)
  })
})
