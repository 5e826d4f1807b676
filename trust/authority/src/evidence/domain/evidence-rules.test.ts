import { describe, expect, it } from 'vitest'
import { factsOf, type Registered, type Report, whoOf } from './fact.ts'
import { type OnRecord, possiblyInUse } from './record.ts'

const NOW = 1_000_000
const ISSUER = 'a'.repeat(40)
const report = (instance: string, but: Partial<Report> = {}): Report => ({
  ...{ name: instance.replace(/-\d+$/, ''), instance, sequence: 1, at: NOW - 1_000 },
  certificates: [{ serial: 'aa', issuer: ISSUER, notAfter: NOW + 1_000 }],
  ...but,
})
const expired = { certificates: [{ serial: 'aa', issuer: ISSUER, notAfter: NOW - 1 }] }
const listed = (instance: string, passing?: boolean): Registered => ({
  ...{ name: instance.replace(/-\d+$/, ''), instance },
  ...(passing === undefined ? {} : { passing }),
})

describe('who lives', () => {
  // biome-ignore format: a table
  const cases: [string, Report[], Registered[], string[]][] = [
    ['whoever is registered',                          [],                                          [listed('order-1', true)],  ['order-1']],
    ['also a critical one that has said nothing',      [],                                          [listed('order-1', false)], ['order-1']],
    ['also a critical one whose certificate is valid', [report('order-1')],                         [listed('order-1', false)], ['order-1']],
    ['not a critical one whose certificate is over',   [report('order-1', expired)],                [listed('order-1', false)], []],
    ['a passing one, whatever it has said',            [report('order-1', expired)],                [listed('order-1', true)],  ['order-1']],
    ['one of which nobody knows how it is',            [report('order-1', expired)],                [listed('order-1')],        ['order-1']],
    ['whoever has reported and is not registered',     [report('desk')],                            [],                         ['desk']],
    ['not one whose certificate is over',              [report('desk', expired)],                   [],                         []],
    ['not one that has left',                          [report('order-1', { leaving: true })],      [],                         []],
    ['one that left, and is registered again',         [report('order-1', { leaving: true })],      [listed('order-1', true)],  ['order-1']],
  ]
  it.each(cases)('%s', (_, reports, registered, expected) => {
    expect(factsOf(reports, registered, NOW).map(({ who }) => who)).toEqual(expected)
  })

  it('has not reported while all that is known of it is that it left', () => {
    const [fact] = factsOf([report('order-1', { leaving: true })], [listed('order-1', true)], NOW)
    expect(fact?.report).toBeUndefined()
  })

  it('is named so that people find it', () => {
    expect(whoOf({ name: 'order', instance: 'order-1' })).toBe('order-1')
    expect(whoOf({ name: 'order', instance: 'blue' })).toBe('order blue')
    // Nobody can speak for another workload by calling himself so.
    expect(whoOf({ name: 'evil', instance: 'order-1' })).toBe('evil order-1')
    const both = [report('order-1', { name: 'evil', leaving: true }), report('order-1')]
    expect(factsOf(both, [], NOW).map(({ who }) => who)).toEqual(['order-1'])
  })
})

describe('what may be in use on record', () => {
  const record = (but: Partial<OnRecord> = {}): OnRecord => ({
    ...{ serial: 'b1', lineage: 'b1', issuer: ISSUER, kind: 'join', askedAt: NOW - 100_000 },
    ...{ name: 'spiffe://test.local/service/order', notAfter: NOW + 1_000 },
    ...but,
  })
  const inUse = (
    of: OnRecord,
    world: { reports?: Report[]; siblings?: OnRecord[]; revoked?: boolean } = {},
  ) =>
    possiblyInUse([of], {
      ...{ reports: world.reports ?? [], siblings: () => world.siblings ?? [of], now: NOW },
      nameOf: (id) => /\/([a-z]+)$/.exec(id)?.[1],
      isRevoked: () => world.revoked ?? false,
      deliveredMs: 30_000,
    }).length === 1
  const shows = (serial: string, but: Partial<Report> = {}) =>
    report('order-1', { certificates: [{ serial, issuer: ISSUER, notAfter: NOW + 1_000 }], ...but })
  const later = record({ serial: 'b2', askedAt: NOW - 50_000, kind: 'renew' })

  it('is what nobody has reported', () => {
    expect(inUse(record())).toBe(true)
    expect(inUse(record({ notAfter: NOW }))).toBe(false)
    expect(inUse(record(), { revoked: true })).toBe(false)
  })
  it('is not what somebody shows: that is in his report', () => {
    expect(inUse(record(), { reports: [shows('b1')] })).toBe(false)
  })
  it('is not what its holder has gone on from', () => {
    expect(inUse(record(), { siblings: [record(), later] })).toBe(true)
    expect(inUse(record(), { siblings: [record(), { ...later, claimedBy: 'order-1' }] })).toBe(
      false,
    )
    expect(inUse(record(), { siblings: [record(), later], reports: [shows('b2')] })).toBe(false)
    // An earlier one proves nothing.
    const earlier = record({ serial: 'b0', askedAt: NOW - 200_000, claimedBy: 'order-1' })
    expect(inUse(record(), { siblings: [earlier, record()] })).toBe(true)
  })
  it('is not what its holder, known by the lineage, does not show long after he asked for it', () => {
    const elsewhere = (at: number) => [shows('ff', { lineage: 'b1', at })]
    expect(inUse(record(), { reports: elsewhere(NOW) })).toBe(false)
    expect(inUse(record({ askedAt: NOW - 10_000 }), { reports: elsewhere(NOW) })).toBe(true)
  })
  it('is what an instance had reported that has said nothing since the start', () => {
    const claimed = record({ claimedBy: 'order-1' })
    expect(inUse(claimed)).toBe(true)
    expect(inUse(claimed, { reports: [shows('ff')] })).toBe(false)
    expect(inUse(claimed, { reports: [shows('ff', { leaving: true })] })).toBe(false)
    expect(inUse(claimed, { reports: [shows('ff', { name: 'evil' })] })).toBe(true)
  })
  it('is a client’s outside, always', () => {
    const outside = record({ kind: 'acme', name: 'a.example', claimedBy: 'order-1' })
    expect(inUse(outside, { reports: [shows('b1')] })).toBe(true)
    expect(inUse(outside, { revoked: true })).toBe(false)
  })
  it('is not a door’s that its instance has replaced', () => {
    const door = record({ kind: 'public-door', name: 'localhost', claimedBy: 'gateway-1' })
    expect(inUse(door)).toBe(true)
    expect(inUse(door, { reports: [report('gateway-1', { name: 'gateway' })] })).toBe(false)
  })
})
