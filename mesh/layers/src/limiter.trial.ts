import { type ParsedLimit, parseLimit } from '@countersign/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Limiter } from './limiter.ts'

export function limitOf(text: string): ParsedLimit {
  const limit = parseLimit(text)
  if (typeof limit === 'string') throw new Error(limit)
  return limit
}

/** What every limiter promises. `make` gets the clock, which stands still until the trial moves it. */
export function limiterTrial(name: string, make: (now: () => number) => Promise<Limiter>): void {
  describe(`${name}, as a limiter`, () => {
    const start = Date.UTC(2026, 10, 20, 12, 59, 50, 250)
    let clock = start
    let limiter: Limiter
    let keys = 0
    let key = ''
    beforeEach(async () => {
      clock = start
      key = `order.place:${keys++}`
      limiter = await make(() => clock)
    })
    afterEach(() => limiter.close())
    const passes = async (limit: string, times: number, of = key): Promise<number> => {
      const parsed = limitOf(limit)
      const verdicts = await Promise.all(
        Array.from({ length: times }, () => limiter.take(of, parsed)),
      )
      return verdicts.filter(({ allowed }) => allowed).length
    }

    it('lets exactly so many of many parallel requests pass, and tells what is left', async () => {
      expect(await limiter.take(key, limitOf('5/second per person'))).toEqual({
        allowed: true,
        windows: [{ name: 'second', max: 5, remaining: 4, resetSeconds: 1 }],
        retryAfterSeconds: 0,
      })
      expect(await passes('5/second per person', 100)).toBe(4)
      expect(await limiter.take(key, limitOf('5/second per person'))).toEqual({
        allowed: false,
        windows: [{ name: 'second', max: 5, remaining: 0, resetSeconds: 1 }],
        retryAfterSeconds: 1,
      })
    })
    it('counts in windows of the calendar', async () => {
      expect(await passes('5/second per person', 9)).toBe(5)
      clock += 749
      expect(await passes('5/second per person', 9)).toBe(0)
      clock += 1
      expect(await passes('5/second per person', 9)).toBe(5)
      expect(await passes('7/minute per person', 9, 'other')).toBe(7)
      clock += 8_999
      expect(await passes('7/minute per person', 9, 'other')).toBe(0)
      clock += 1
      expect(await passes('7/minute per person', 9, 'other')).toBe(7)
    })
    it('uses up nothing of the hour for what the second refuses', async () => {
      const limit = '5/second, 12/hour per person'
      const counts: number[] = []
      for (let second = 0; second < 4; second++) {
        counts.push(await passes(limit, 50))
        clock += 1_000
      }
      expect(counts).toEqual([5, 5, 2, 0])
      const refused = await limiter.take(key, limitOf(limit))
      expect(refused.retryAfterSeconds).toBe(6)
      expect(refused.windows.map(({ remaining }) => remaining)).toEqual([5, 0])
      clock += 6_000
      expect(await passes(limit, 50)).toBe(5)
    })
    it('counts each key for itself', async () => {
      expect(await passes('2/second per person', 9)).toBe(2)
      expect(await passes('2/second per person', 9, `${key}x`)).toBe(2)
    })
    it('takes a changed limit at its word', async () => {
      expect(await passes('5/hour per person', 9)).toBe(5)
      expect(await passes('8/hour per person', 9)).toBe(3)
      expect(await passes('4/hour per person', 9)).toBe(0)
      const refused = await limiter.take(key, limitOf('4/hour per person'))
      expect(refused.windows[0]?.remaining).toBe(0)
    })
    it('takes any text as a key', async () => {
      for (const odd of ['', '__proto__', 'a b\r\n\0', 'é'.repeat(5_000), '{x}'])
        expect(await passes('1/day per caller', 3, odd)).toBe(1)
    })
  })
}
