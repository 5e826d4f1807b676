import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LIST_MS_MAX, REVOKED_KEEP_MS } from './limits.ts'
import { evenIfOld, Revocations } from './revocations.ts'

const HOUR = 3_600_000
const T0 = 1_800_000_000_000
beforeEach(() => {
  vi.useFakeTimers({ now: T0, toFake: ['setTimeout', 'clearTimeout', 'Date', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})
const one = (serial: string, lineage?: string) => ({ serial, lineage })

describe('what was taken back', () => {
  test('is refused by serial or lineage, and nothing else is', () => {
    const list = new Revocations(T0 + HOUR)
    list.take(
      [
        { serial: 'a', until: T0 + HOUR },
        { lineage: 'b', until: T0 + HOUR },
      ],
      T0 + HOUR,
    )
    expect(list.refusalOf(one('a'))).toBe('REVOKED')
    expect(list.refusalOf(one('c', 'b'))).toBe('REVOKED')
    // A serial is no lineage, nor the other way round.
    expect(list.refusalOf(one('b', 'a'))).toBeUndefined()
  })
  test('stays so, whatever an authority forgets, until its certificate has expired for certain', () => {
    const list = new Revocations(T0 + HOUR)
    list.take([{ serial: 'a', until: T0 + HOUR }], T0 + HOUR)
    list.take([], T0 + 2 * HOUR)
    expect(list.refusalOf(one('a'))).toBe('REVOKED')
    vi.setSystemTime(T0 + HOUR + REVOKED_KEEP_MS + 1)
    list.take([], T0 + 3 * HOUR)
    expect([list.refusalOf(one('a')), list.size]).toEqual([undefined, 0])
  })
  test('is told once, and not where there is no news', () => {
    const list = new Revocations(T0 + HOUR)
    let told = 0
    const stop = list.onChange(() => told++)
    list.take([{ serial: 'a', until: T0 + HOUR }], T0 + HOUR)
    list.take([{ serial: 'a', until: T0 + HOUR }], T0 + HOUR)
    list.take([], T0 + HOUR)
    expect(told).toBe(1)
    stop()
    list.take([{ serial: 'b', until: T0 + HOUR }], T0 + HOUR)
    expect(told).toBe(1)
  })
  test('is told to everybody, also where one listener fails', () => {
    const list = new Revocations(T0 + HOUR)
    const told: string[] = []
    list.onChange(() => {
      throw new Error('a mistake')
    })
    list.onChange(() => void told.push('second'))
    expect(() => list.take([{ serial: 'a', until: T0 + HOUR }], T0 + HOUR)).toThrow('a mistake')
    expect(told).toEqual(['second'])
  })
})

describe('a list', () => {
  test('counts to its end, and not a moment longer', () => {
    const list = new Revocations(T0 + HOUR)
    let told = 0
    list.onChange(() => told++)
    list.take([], T0 + 10_000)
    vi.advanceTimersByTime(9_990)
    expect([list.refusalOf(one('a')), told]).toEqual([undefined, 0])
    vi.advanceTimersByTime(20)
    expect([list.refusalOf(one('a')), told]).toEqual(['LIST_TOO_OLD', 1])
    list.take([], Date.now() + 10_000)
    expect(list.refusalOf(one('a'))).toBeUndefined()
  })
  test('counts to the end of our own certificate while there is none, and then to what the first one says', () => {
    const list = new Revocations(T0 + HOUR)
    expect(list.refusalOf(one('a'))).toBeUndefined()
    list.take([], T0 + 10_000)
    expect(list.nextUpdate).toBe(T0 + 10_000)
    vi.advanceTimersByTime(10_001)
    expect(list.refusalOf(one('a'))).toBe('LIST_TOO_OLD')
  })
  test('is not cut short by an authority that promises less', () => {
    const list = new Revocations(T0 + HOUR)
    list.take([], T0 + HOUR)
    list.take([], T0 + 1_000)
    expect(list.nextUpdate).toBe(T0 + HOUR)
  })
  test('counts for a bounded time, whatever an authority with a wrong clock promises', () => {
    const list = new Revocations(T0)
    list.take([], T0 + 100 * LIST_MS_MAX)
    expect(list.nextUpdate).toBe(T0 + LIST_MS_MAX)
  })
  test('does not count longer because our clock was set back', () => {
    const list = new Revocations(T0)
    list.take([], T0 + 10_000)
    vi.setSystemTime(T0 - HOUR)
    vi.advanceTimersByTime(10_001)
    expect(list.refusalOf(one('a'))).toBe('LIST_TOO_OLD')
  })
  test('that is too old is no reason not to fetch a new one', () => {
    const list = new Revocations(T0)
    list.take([{ serial: 'a', until: T0 + HOUR }], T0 + 1_000)
    vi.advanceTimersByTime(1_001)
    expect(list.refusalOf(one('b'))).toBe('LIST_TOO_OLD')
    expect(evenIfOld(list).refusalOf(one('b'))).toBeUndefined()
    expect(evenIfOld(list).refusalOf(one('a'))).toBe('REVOKED')
  })
})
