import { describe, expect, it } from 'vitest'
import {
  HEARSAY_MS_MIN,
  REPORT_KEPT_MS,
  REPORTS_PER_NAME_MAX,
  WAITERS_PER_NAME_MAX,
} from '../trust/limits.ts'
import type { Report } from './domain/fact.ts'
import { Evidence } from './evidence.ts'
import { createRegistryLiveness } from './liveness-registry.ts'
import { Waiters } from './waiters.ts'

const ISSUER = 'a'.repeat(40)
let now = 1_000_000
const said = (serial: string, sequence = 1, instance = 'order-1') => ({
  ...{ instance, sequence },
  certificates: [{ serial, issuer: ISSUER, notAfter: now + 60_000 }],
})
const make = (skewMs = 0) => {
  const shown: Report[] = []
  const evidence = new Evidence({
    now: () => now + skewMs,
    onShown: (report) => void shown.push(report),
  })
  return { evidence, shown }
}
const serials = (evidence: Evidence) =>
  evidence.reports().map(({ certificates }) => certificates[0]?.serial)

describe('evidence', () => {
  it('is the latest word of each instance', () => {
    const { evidence, shown } = make()
    evidence.note('order', said('a1'))
    evidence.note('order', said('a2', 2))
    evidence.note('order', said('a3', 2, 'order-2'))
    // Nobody speaks for another workload.
    evidence.note('evil', said('a4'))
    expect(serials(evidence)).toEqual(['a2', 'a3', 'a4'])
    expect(shown).toHaveLength(4)
    evidence.note('order', said('a2', 2))
    expect(shown).toHaveLength(4)
  })

  it('is told to the others without clocks that agree; the later word counts', async () => {
    const [here, there] = [make(), make(-45_000)]
    there.evidence.note('order', said('a1'))
    now += 2_000
    here.evidence.note('order', said('a2'))
    now += 1_000
    await here.evidence.topic.hear(there.evidence.topic.say(), 'authority-2')
    expect(serials(here.evidence)).toEqual(['a2'])
    await there.evidence.topic.hear(here.evidence.topic.say(), 'authority-1')
    expect(serials(there.evidence)).toEqual(['a2'])
    // Of what others say only what they have heard themselves is passed on.
    expect(there.evidence.topic.say()).toEqual([])
  })

  it('said here counts for more than what another heard at the same moment', async () => {
    const [here, there] = [make(), make()]
    here.evidence.note('order', said('a1'))
    now += HEARSAY_MS_MIN / 2
    there.evidence.note('order', said('a2'))
    await here.evidence.topic.hear(there.evidence.topic.say(), 'authority-2')
    expect(serials(here.evidence)).toEqual(['a1'])
    now += HEARSAY_MS_MIN
    there.evidence.note('order', said('a3'))
    await here.evidence.topic.hear(there.evidence.topic.say(), 'authority-2')
    expect(serials(here.evidence)).toEqual(['a3'])
    expect(here.shown.at(-1)?.certificates[0]?.serial).toBe('a3')
  })

  it('that makes no sense is refused as a whole', async () => {
    const { evidence } = make()
    const [good] = [{ ...said('a1'), name: 'order', ageMs: 0 }]
    const bad = [
      {},
      'x',
      [good, { ...good, instance: '../x' }],
      [{ ...good, ageMs: -1 }],
      [{ ...good, certificates: [] }],
      [{ ...good, name: '' }],
      Array.from({ length: 20_001 }, () => good),
    ]
    for (const each of bad) await expect(evidence.topic.hear(each, 'authority-2')).rejects.toThrow()
    expect(evidence.reports()).toEqual([])
  })

  it('is bounded for one name, and forgotten when it is of no use any more', () => {
    const { evidence } = make()
    for (let i = 0; i < REPORTS_PER_NAME_MAX; i++)
      evidence.note('order', said('a1', 1, `order-${i}`))
    expect(() => evidence.note('order', said('a1', 1, 'order-x'))).toThrow(
      expect.objectContaining({ code: 'OVERLOADED' }),
    )
    evidence.note('payment', said('a1', 1, 'payment-1'))
    evidence.note('order', said('a2', 1, 'order-7'))
    now += 60_000 + REPORT_KEPT_MS + 1
    evidence.note('order', said('a1', 1, 'order-x'))
    expect(evidence.reports()).toHaveLength(1)
  })
})

describe('those who wait', () => {
  it('are woken all at once, and soon', async () => {
    const waiters = new Waiters()
    const waiting = Array.from({ length: 2_000 }, (_, i) => waiters.wait(`w${i % 50}`, 60_000))
    expect(waiters.size).toBe(2_000)
    waiters.wake()
    await Promise.all(waiting)
    expect(waiters.size).toBe(0)
  })

  it('go when their time is over, or when they hang up', async () => {
    const waiters = new Waiters()
    await waiters.wait('order', 10)
    const controller = new AbortController()
    const waiting = waiters.wait('order', 60_000, controller.signal)
    controller.abort()
    await waiting
    await waiters.wait('order', 60_000, controller.signal)
    expect(waiters.size).toBe(0)
  })

  it('are no more than there is room for, for each name', async () => {
    const waiters = new Waiters()
    const waiting = Array.from({ length: WAITERS_PER_NAME_MAX }, () =>
      waiters.wait('order', 60_000),
    )
    await expect(waiters.wait('order', 1)).rejects.toMatchObject({ code: 'OVERLOADED' })
    const other = waiters.wait('payment', 60_000)
    waiters.wake()
    await Promise.all([...waiting, other])
    await waiters.wait('order', 1)
  })
})

describe('the registry', () => {
  const entry = (ID: string, ...states: string[]) => ({
    Service: { ID, Service: 'order', Address: '127.0.0.1', Port: 1, Tags: [], Meta: {} },
    Checks: states.map((Status) => ({ CheckID: 'c', Status, Output: '' })),
  })
  const answer = (value: unknown, status = 200) => ({ status, body: JSON.stringify(value) })
  const listing = (health: Record<string, unknown>, status?: number) =>
    createRegistryLiveness({
      services: async () =>
        answer(Object.fromEntries(Object.keys(health).map((name) => [name, []])), status),
      health: async ({ params, query }: { params: { name: string }; query: object }) => {
        expect(query).toEqual({})
        return answer(health[params.name])
      },
    } as never)

  it('lists all that are registered, also those that are not well, and not itself', async () => {
    const liveness = listing({
      order: [entry('order-1', 'passing'), entry('order-2', 'passing', 'critical')],
      payment: [entry('payment-1', 'warning')],
      consul: [entry('consul')],
    })
    expect((await liveness.instances()).map((each) => JSON.stringify(each)).toSorted()).toEqual([
      '{"name":"order","instance":"order-1","passing":true}',
      '{"name":"order","instance":"order-2","passing":false}',
      '{"name":"payment","instance":"payment-1","passing":true}',
    ])
  })

  it('is not believed where it answers nonsense', async () => {
    await expect(listing({}, 500).instances()).rejects.toThrow(/answers 500/)
    await expect(listing({ order: { no: 'list' } }).instances()).rejects.toThrow()
    await expect(listing({ order: [{ Service: {} }] }).instances()).rejects.toThrow()
  })
})
