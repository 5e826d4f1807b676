import { describe, expect, it } from 'vitest'
import { Tally, type Thresholds } from './checks.ts'
import { HashRing, hashOf } from './hash-ring.ts'
import { PeakLatency } from './latency.ts'
import { type Member, NOBODY, type Picker } from './member.ts'
import { LeastConnections, LeastLatency, RoundRobin, TwoChoices } from './pickers.ts'
import { RETURN_MS, shareOf } from './slow-return.ts'

class TestMember implements Member {
  readonly id: string
  weight: number
  available = true
  inFlight = 0
  credit = 0
  share = 1
  latencyMs = 0
  constructor(id: string, weight = 100) {
    this.id = id
    this.weight = weight
  }
  shareAt(): number {
    return this.share
  }
  latencyAt(): number {
    return this.latencyMs
  }
}
const members = (...weights: number[]): TestMember[] =>
  weights.map((weight, i) => new TestMember('abcdefgh'.charAt(i), weight))
const picks = (picker: Picker<TestMember>, count: number, hash?: number): string =>
  Array.from({ length: count }, () => picker.pick(0, NOBODY, hash)?.id ?? '-').join('')

describe('round-robin', () => {
  it('is smooth: nobody gets its share at one stretch', () => {
    expect(picks(new RoundRobin(members(5, 1, 1)), 14)).toBe('aabacaaaabacaa')
  })
  it('gives who comes back a smaller share', () => {
    const [a, b] = members(100, 100)
    if (a === undefined || b === undefined) throw new Error('none')
    a.share = 0.25
    const found = picks(new RoundRobin([a, b]), 10)
    expect([...found].filter((id) => id === 'a')).toHaveLength(2)
  })
})

describe('every algorithm', () => {
  const all: readonly ((of: readonly TestMember[]) => Picker<TestMember>)[] = [
    (of) => new RoundRobin(of),
    (of) => new LeastConnections(of),
    (of) => new LeastLatency(of),
    (of) => new TwoChoices(of, () => 0.3),
    (of) => new HashRing(of, 10_000, new RoundRobin(of)),
  ]
  it.each(all)('chooses who may be asked, and nobody where nobody may: %o', (make) => {
    const [a, b, c, d] = members(100, 100, 100, 0)
    if (a === undefined || b === undefined || c === undefined || d === undefined)
      throw new Error('none')
    const picker = make([a, b, c, d])
    b.available = false
    for (let i = 0; i < 20; i++) expect('ac').toContain(picks(picker, 1, i * 200_000_000))
    for (let i = 0; i < 20; i++) expect(picker.pick(0, [a], i * 200_000_000)).toBe(c)
    expect(picker.pick(0, [a, c], 7)).toBeUndefined()
    a.available = c.available = false
    expect(picks(picker, 1, 7)).toBe('-')
    expect(make([]).pick(0, NOBODY, 7)).toBeUndefined()
  })
})

describe('least connections', () => {
  it('looks at what is under way for its weight; equals take turns', () => {
    const [a, b] = members(100, 300)
    if (a === undefined || b === undefined) throw new Error('none')
    const picker = new LeastConnections([a, b])
    a.inFlight = 1
    b.inFlight = 4
    expect(picks(picker, 3)).toBe('bbb')
    b.inFlight = 6
    expect(picks(picker, 3)).toBe('aaa')
    expect(
      picks(new LeastConnections(members(1, 1, 1)), 6)
        .split('')
        .sort()
        .join(''),
    ).toBe('aabbcc')
  })
})

describe('latency', () => {
  it('asks the unknown first, and weighs what is under way', () => {
    const [a, b] = members(100, 100)
    if (a === undefined || b === undefined) throw new Error('none')
    const picker = new LeastLatency([a, b])
    a.latencyMs = 5
    expect(picks(picker, 2)).toBe('bb')
    b.inFlight = 1
    expect(picks(picker, 2)).toBe('aa')
    b.latencyMs = 2
    a.inFlight = 1
    expect(picks(picker, 2)).toBe('bb')
  })
  it('is the peak at once, and the rest slowly; it fades while nothing is known', () => {
    const latency = new PeakLatency()
    expect(latency.at(0)).toBe(0)
    latency.observe(10, 0)
    expect(latency.at(0)).toBe(10)
    latency.observe(200, 1)
    expect(latency.at(1)).toBe(200)
    latency.observe(10, 1_001)
    expect(latency.at(1_001)).toBeGreaterThan(150)
    expect(latency.at(1_001)).toBeLessThan(200)
    expect(latency.at(61_001)).toBeLessThan(1)
  })
})

describe('a hash ring', () => {
  const ring = (of: readonly TestMember[]) => new HashRing(of, 10_000, new RoundRobin(of))
  const spread = (picker: Picker<TestMember>): Map<string, string> =>
    new Map(Array.from({ length: 3_000 }, (_, i) => [`k${i}`, picks(picker, 1, hashOf(`k${i}`))]))
  const shares = (found: Map<string, string>, id: string): number =>
    [...found.values()].filter((each) => each === id).length / found.size

  it('gives shares by weight', () => {
    const found = spread(ring(members(100, 100, 200)))
    expect(shares(found, 'a')).toBeGreaterThan(0.2)
    expect(shares(found, 'a')).toBeLessThan(0.3)
    expect(shares(found, 'c')).toBeGreaterThan(0.44)
    expect(shares(found, 'c')).toBeLessThan(0.56)
  })
  it('moves only what it has to when one goes, is away, or comes', () => {
    const all = members(100, 100, 100, 100)
    const before = spread(ring(all))
    const without = spread(ring(all.slice(0, 3)))
    const away = all.map((each) =>
      Object.assign(new TestMember(each.id), { available: each.id !== 'd' }),
    )
    const skipped = spread(ring(away))
    for (const [key, id] of before) {
      if (id !== 'd') expect([without.get(key), skipped.get(key)]).toEqual([id, id])
      else expect(without.get(key)).toBe(skipped.get(key))
    }
    // The same whoever built it and in whatever order.
    expect(spread(ring([...all].reverse()))).toEqual(before)
  })
  it('takes turns for who is bound to nothing, and stays within its bounds with many', () => {
    expect(picks(ring(members(1, 1)), 4)).toBe('abab')
    const many = Array.from({ length: 2_000 }, (_, i) => new TestMember(`m${i}`, i % 7))
    expect(ring(many).pick(0, NOBODY, 1)?.weight).toBeGreaterThan(0)
  })
  it('hashes texts that differ at the end alone far apart', () => {
    const high = new Set(Array.from({ length: 64 }, (_, i) => hashOf(`user-${i}`) >>> 28))
    expect(high.size).toBe(16)
  })
})

it('a share grows over the time of return', () => {
  expect(shareOf(undefined, 5)).toBe(1)
  expect(shareOf(0, 0)).toBe(0.1)
  expect(shareOf(0, RETURN_MS / 2)).toBe(0.5)
  expect(shareOf(0, RETURN_MS)).toBe(1)
})

describe('counts of checks', () => {
  const thresholds: Thresholds = { successes: 2, httpFailures: 3, tcpFailures: 2, timeouts: 0 }
  it('are in a row, each kind for itself; a success forgets failures', () => {
    const tally = new Tally()
    const told = (...shown: Parameters<Tally['count']>[0][]) =>
      shown.map((each) => tally.count(each, thresholds))
    expect(told('http-failure', 'tcp-failure', 'http-failure')).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect(told('nothing', 'http-failure')).toEqual([undefined, 'unhealthy'])
    expect(told('success', 'tcp-failure', 'success', 'success')).toEqual([
      undefined,
      undefined,
      undefined,
      'healthy',
    ])
    expect(told('timeout', 'timeout', 'timeout')).toEqual([undefined, undefined, undefined])
  })
})
