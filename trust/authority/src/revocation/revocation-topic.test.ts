import { workloadId } from '@countersign/contract'
import type { CertificateView } from '@countersign/contract/platform'
import { until } from '@countersign/ground/testkit'
import { describe, expect, it } from 'vitest'
import { DAY, DOMAIN, type House, link, silent } from '../testing/status-house.ts'
import { keyHashOf, listedBy, useStatusHouses } from '../testing/use-status-houses.ts'
import { createFindElsewhere } from './find-elsewhere.ts'
import { RECENT_TOLD_MAX } from './limits.ts'

type Said = { readonly digest: string; readonly rows: unknown[] }
const HOUR = 3_600_000
const my = useStatusHouses()
const name = (short: string) => workloadId(DOMAIN, short)

describe('two authorities', () => {
  it('know of a revocation at once, whoever was asked', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const lines = await link(a, b)
    const order = await a.join('order')
    const renewed = await b.join('order', order)
    await b.revocations.revoke({ serial: renewed.serial }, 'superseded', 'desk')
    await until(() => a.revocations.has(order), 'the other knows')
    expect(a.revocations.words()).toEqual(b.revocations.words())
    // Each lists what it signed itself.
    await until(() => listedBy(my, a).includes(order.serial), 'the other lists its own')
    await until(() => listedBy(my, b).includes(renewed.serial), 'it lists its own')
    lines.cut()
  })

  it('know of it after a restart of either, also when the other was down at that time', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const order = await b.join('order')
    const payment = await a.join('payment')
    await my.stop(b)
    // Nobody who answers has it on record: in doubt it is taken back.
    await my.stop(a)
    const alone = await my.start('authority-1', {
      findElsewhere: async () => ({ found: [], silent: ['authority-2'] }),
    })
    await alone.revocations.revoke({ serial: order.serial }, 'keyCompromise', 'desk')
    await alone.revocations.revoke({ name: name('payment') }, 'unspecified', 'desk')
    await my.stop(alone)
    const [c, d] = [await my.start('authority-1'), await my.start('authority-2')]
    expect(c.revocations.has(order)).toBe(true)
    const lines = await link(c, d)
    await lines.talk()
    expect(d.revocations.has(order)).toBe(true)
    expect(d.revocations.has(payment)).toBe(true)
    expect(d.revocations.isCompromised(keyHashOf(d, order.serial))).toBe(true)
    await d.status.crls.refresh()
    expect(listedBy(my, d)).toContain(order.serial)
    await lines.talk()
    expect(c.revocations.words()).toEqual(d.revocations.words())
    expect(c.revocations.isCompromised(keyHashOf(d, order.serial))).toBe(true)
    lines.cut()
  })

  it('make a name into the lineages that each has, however late they hear of it', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const [here, there] = [await a.join('order'), await b.join('order')]
    await a.revocations.revoke({ name: name('order') }, 'unspecified', 'desk')
    my.shiftMs = HOUR / 2
    const after = await b.join('order')
    expect(b.revocations.has(there)).toBe(false)
    const lines = await link(a, b)
    await lines.talk()
    for (const house of [a, b])
      expect([here, there, after].map((each) => house.revocations.has(each))).toEqual([
        true,
        true,
        false,
      ])
    lines.cut()
  })

  it('hear of a second order about a name, also where the clock went back in between', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const lines = await link(a, b)
    my.shiftMs = HOUR
    const first = await a.join('order')
    await a.revocations.revoke({ name: name('order') }, 'unspecified', 'desk')
    lines.cut()
    my.shiftMs = HOUR / 2
    const [here, there] = [await a.join('order'), await b.join('order')]
    await a.revocations.revoke({ name: name('order') }, 'unspecified', 'desk')
    const again = await link(a, b)
    await again.talk()
    for (const house of [a, b])
      expect([first, here, there].map((each) => house.revocations.has(each))).toEqual([
        true,
        true,
        true,
      ])
    again.cut()
  })

  it('come to the same whatever each did alone, and then say no more than they have to', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const held = await Promise.all(Array.from({ length: 9 }, (_, i) => a.join(`service-${i}`)))
    const digest = '0'.repeat(64)
    for (const [i, { serial }] of held.entries()) {
      if (i % 3 !== 0) await a.revocations.revoke({ serial }, 'superseded', 'desk a')
      if (i % 3 === 1) continue
      const at = my.now() + (i % 2 ? -1 : 1) * 60_000
      const reason = i % 2 ? 'keyCompromise' : 'unspecified'
      const rows = [['lineage', serial, at, my.now() + DAY, reason, 'desk b']]
      await b.revocations.topic.hear({ digest, rows, keys: [] }, 'elsewhere')
    }
    const many = Array.from({ length: 300 }, (_, i) => {
      const of = (i + 1).toString(16)
      return ['certificate', of, my.now(), my.now() + DAY, 'unspecified', 'desk c']
    })
    await b.revocations.topic.hear({ digest, rows: many, keys: [] }, 'authority-1')
    const lines = await link(a, b)
    await lines.talk()
    await lines.talk()
    const byKey = ({ revocations }: House) =>
      new Map(revocations.all().map((row) => [`${row.scope} ${row.of}`, row]))
    expect(byKey(a)).toEqual(byKey(b))
    expect(byKey(a).size).toBe(309)
    const [said, heard] = [a, b].map(({ revocations }) => revocations.topic.say() as Said)
    expect(said?.digest).toBe(heard?.digest)
    expect(said?.rows.length).toBe(RECENT_TOLD_MAX)
    lines.cut()
  })

  it('ask each other for what they have no record of, and say who is away', async () => {
    const b = await my.start('authority-2')
    const held = [await b.join('order'), await b.serve('localhost')]
    const views = ({ serial, name }: { serial?: string; name?: string }) =>
      b.authority.issued
        .list(serial === undefined ? { name: name ?? '' } : { serial })
        .map((record) => ({ ...record, authority: 'authority-2' }))
    const away = { address: 'b', certificates: () => Promise.reject(new Error('away')) }
    const there = {
      address: 'a',
      certificates: async (query: { serial?: string; name?: string }) => ({
        certificates: views(query) as unknown as CertificateView[],
      }),
    }
    const a = await my.start('authority-1', { findElsewhere: createFindElsewhere([there], silent) })
    const covered = await a.revocations.revoke(
      { serial: held[0]?.serial ?? '' },
      'unspecified',
      'x',
    )
    expect(covered).toMatchObject([{ serial: held[0]?.serial, name: name('order') }])
    await a.revocations.revoke({ serial: held[1]?.serial ?? '' }, 'unspecified', 'x')
    expect(a.revocations.all().map(({ scope }) => scope)).toEqual(['lineage', 'certificate'])
    const gone = { code: 'CERTIFICATE_UNKNOWN' }
    await expect(a.revocations.revoke({ serial: 'abc' }, 'unspecified', 'x')).rejects.toMatchObject(
      gone,
    )
    await my.stop(a)
    const find = createFindElsewhere([there, away], silent)
    const again = await my.start('authority-1', { findElsewhere: find })
    expect(await find({ serial: 'abc' })).toEqual({ found: [], silent: ['b'] })
    // In doubt it is taken back.
    const blind = await again.revocations.revoke({ serial: 'abc' }, 'unspecified', 'x')
    expect(blind).toMatchObject([{ serial: 'abc', name: '' }])
    expect(again.revocations.has({ serial: 'abc' })).toBe(true)
    expect(again.revocations.has({ serial: 'def', lineage: 'abc' })).toBe(true)
  })

  it('take in nothing that no authority would say', async () => {
    const house = await my.start()
    const { topic } = house.revocations
    const digest = '0'.repeat(64)
    const row = (...changes: unknown[]) =>
      ['lineage', 'abc', 1, 2, 'unspecified', 'x'].map((v, i) => changes[i] ?? v)
    for (const said of [
      undefined,
      {},
      { digest, rows: [row('everything')], keys: [] },
      { digest, rows: [row(undefined, 'ABC')], keys: [] },
      { digest, rows: [row('name', 'abc')], keys: [] },
      { digest, rows: [row(undefined, undefined, -1)], keys: [] },
      { digest, rows: [row(undefined, undefined, 5, 4)], keys: [] },
      { digest, rows: [row(undefined, undefined, 0, Number.MAX_SAFE_INTEGER)], keys: [] },
      {
        digest,
        rows: [row(undefined, undefined, undefined, undefined, 'removeFromCRL')],
        keys: [],
      },
      { digest, rows: [], keys: [['x', 1]] },
      { digest, rows: [], keys: [], unrevoke: ['abc'] },
    ])
      await expect(topic.hear(said, 'authority-2')).rejects.toThrow()
    expect(house.revocations.all()).toEqual([])
  })
})
