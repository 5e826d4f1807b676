import { describe, expect, test } from 'vitest'
import { UNCLAIMED_AFTER_MS, UNCLAIMED_MAX } from './limits.ts'
import { askAgainMs, renewSoonMs } from './trust-plan.ts'
import { Unclaimed } from './unclaimed.ts'

describe('the next question', () => {
  const last = { failures: 0, authorities: 2, tookMs: 5_000, news: false }
  test('comes at once after an answer that was waited for', () => {
    expect(askAgainMs(last, 0.5)).toBe(0)
  })
  test('comes after a while where the answer came early and said nothing', () => {
    expect(askAgainMs({ ...last, tookMs: 1 }, 0.5)).toBe(249)
    expect(askAgainMs({ ...last, tookMs: 1, news: true }, 0.5)).toBe(19)
  })
  test('goes to the other authority at once, and after both have failed the pauses double up to two seconds', () => {
    const pauses = Array.from({ length: 16 }, (_, i) => askAgainMs({ ...last, failures: i + 1 }, 0))
    expect(pauses.slice(0, 8)).toEqual([0, 50, 50, 100, 100, 200, 200, 400])
    expect(Math.max(...pauses)).toBe(2_000)
    expect(askAgainMs({ ...last, failures: 99 }, 0.999)).toBeGreaterThan(999)
  })
})

describe('a renewal after a rotation', () => {
  test('comes within ten seconds, or a tenth of the life', () => {
    expect(renewSoonMs(3_600_000, 0, 0.5)).toBe(5_000)
    expect(renewSoonMs(60_000, 0, 0.5)).toBe(3_000)
    expect(renewSoonMs(60_000, 0, 0)).toBe(0)
  })
  test('that brought nothing better is followed by others with growing pauses', () => {
    const pauses = [1, 2, 3, 9].map((inVain) => renewSoonMs(3_600_000, inVain, 0))
    expect(pauses).toEqual([10_000, 20_000, 40_000, 900_000])
    expect(renewSoonMs(60_000, 5, 0)).toBe(15_000)
  })
})

describe('unclaimed certificates', () => {
  const old = (serial: string) => ({ serial, lineage: serial, issuedAt: 0 })
  const now = UNCLAIMED_AFTER_MS
  test('are told once, our own ones never, young ones later', () => {
    const unclaimed = new Unclaimed()
    unclaimed.own('b')
    const young = { serial: 'c', lineage: 'c', issuedAt: 1 }
    const told = (at: number) =>
      unclaimed.news([old('a'), old('b'), young], at).map(({ serial }) => serial)
    expect([told(now), told(now), told(now + 1)]).toEqual([['a'], [], ['c']])
  })
  test('are remembered up to a bound, the latest of them', () => {
    const unclaimed = new Unclaimed()
    const all = Array.from({ length: UNCLAIMED_MAX + 1 }, (_, i) => old(i.toString(16)))
    expect(unclaimed.news(all, now)).toHaveLength(UNCLAIMED_MAX + 1)
    expect(unclaimed.news(all.slice(1), now)).toEqual([])
    expect(unclaimed.news(all.slice(0, 1), now)).toHaveLength(1)
  })
})
