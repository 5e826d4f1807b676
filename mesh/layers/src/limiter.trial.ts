import { type ParsedLimit, parseLimit } from '@countersign/contract'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JointVerdict, Limiter } from './limiter.ts'

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
        windows: [{ name: 'second', max: 5, remaining: 4, resetSeconds: 1, seconds: 1 }],
        retryAfterSeconds: 0,
      })
      expect(await passes('5/second per person', 100)).toBe(4)
      expect(await limiter.take(key, limitOf('5/second per person'))).toEqual({
        allowed: false,
        windows: [{ name: 'second', max: 5, remaining: 0, resetSeconds: 1, seconds: 1 }],
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
    it('knows how long months and years are', async () => {
      const lengths: number[] = []
      for (const [year, month] of [
        [2024, 1],
        [2025, 1],
        [2025, 11],
        [2000, 1],
        [2100, 1],
      ] as const) {
        clock = Date.UTC(year, month)
        const { windows } = await limiter.take(key, limitOf('2/month, 3/year per person'))
        lengths.push(...windows.map(({ seconds }) => seconds / 86_400))
      }
      expect(lengths).toEqual([29, 366, 28, 365, 31, 365, 29, 366, 28, 365])
    })
    it.each([
      ['second', '2026-11-20T12:59:59.999Z'],
      ['minute', '2026-11-20T12:59:59.999Z'],
      ['hour', '2026-11-20T12:59:59.999Z'],
      ['day', '2026-11-20T23:59:59.999Z'],
      ['month', '2024-02-29T23:59:59.999Z'],
      ['month', '2025-02-28T23:59:59.999Z'],
      ['month', '2025-12-31T23:59:59.999Z'],
      ['month', '2026-04-30T23:59:59.999Z'],
      ['year', '2024-12-31T23:59:59.999Z'],
      ['year', '2025-12-31T23:59:59.999Z'],
    ] as const)('begins anew with each %s, a millisecond after %s', async (name, text) => {
      clock = Date.parse(text) - 999
      expect(await passes(`3/${name} per person`, 5)).toBe(3)
      clock += 999
      expect(await passes(`3/${name} per person`, 5)).toBe(0)
      const { windows, retryAfterSeconds } = await limiter.take(
        key,
        limitOf(`3/${name} per person`),
      )
      expect([windows[0]?.resetSeconds, retryAfterSeconds]).toEqual([1, 1])
      clock += 1
      expect(await passes(`3/${name} per person`, 5)).toBe(3)
    })
    it('fills a smooth limit evenly, up to its burst', async () => {
      const limit = '10/second burst 4 per person'
      expect(await limiter.take(key, limitOf(limit))).toEqual({
        allowed: true,
        windows: [{ name: 'burst', max: 4, remaining: 3, resetSeconds: 1, seconds: 1 }],
        retryAfterSeconds: 0,
      })
      expect(await passes(limit, 9)).toBe(3)
      const counts: number[] = []
      for (const waitMs of [99, 1, 50, 50, 250, 10_000]) {
        clock += waitMs
        counts.push(await passes(limit, 9))
      }
      expect(counts).toEqual([0, 1, 0, 1, 2, 4])
      const slow = limitOf('2/minute burst 1 per person')
      await limiter.take(`${key}:slow`, slow)
      const refused = await limiter.take(`${key}:slow`, slow)
      expect(refused.retryAfterSeconds).toBe(30)
    })
    it('decides windows and a smooth rate together', async () => {
      const limit = '1/second burst 3, 4/day per person'
      expect(await passes(limit, 9)).toBe(3)
      clock += 2_000
      expect(await passes(limit, 9)).toBe(1)
      // The day has refused, and has taken nothing out of the bucket.
      const { windows } = await limiter.take(key, limitOf(limit))
      expect(windows.map(({ name, remaining }) => `${name} ${remaining}`)).toEqual([
        'day 0',
        'burst 1',
      ])
    })
    it('decides several limits with different keys in one step', async () => {
      const all = (): Promise<JointVerdict> =>
        Promise.resolve(
          limiter.takeAll([
            { key: `${key}:route`, limit: limitOf('3/second, 100/year per address') },
            { key: `${key}:person`, limit: limitOf('5/minute per person') },
            { key: `${key}:all`, limit: limitOf('100/second burst 4 per caller') },
          ]),
        )
      const burst = async (): Promise<number> =>
        (await Promise.all(Array.from({ length: 40 }, all))).filter(({ allowed }) => allowed).length
      expect(await burst()).toBe(3)
      const refused = await all()
      expect(refused).toMatchObject({ allowed: false, retryAfterSeconds: 1 })
      expect(refused.verdicts.map(({ allowed }) => allowed)).toEqual([false, true, true])
      // What was refused has used up nothing anywhere.
      expect(
        refused.verdicts.map(({ windows }) => windows.map(({ remaining }) => remaining)),
      ).toEqual([[0, 97], [2], [1]])
      clock += 1_000
      expect(await burst()).toBe(2)
      expect((await all()).verdicts.map(({ allowed }) => allowed)).toEqual([true, false, true])
      expect((await all()).retryAfterSeconds).toBe(9)
    })
    it('counts a limit that is named twice once', async () => {
      const limit = limitOf('3/hour, 9/day per person')
      const twice = [
        { key, limit },
        { key, limit: limitOf('5/hour per person') },
      ]
      const verdicts: boolean[] = []
      for (let i = 0; i < 5; i++) verdicts.push((await limiter.takeAll(twice)).allowed)
      expect(verdicts).toEqual([true, true, true, false, false])
      expect((await limiter.takeAll([])).allowed).toBe(true)
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
