import { X509Certificate } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import type { CertificateView } from '@countersign/contract/platform'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { createCsr, generateKeyPair, parseCrl, readCertificate } from '@countersign/ground/x509'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  DAY,
  DOMAIN,
  type House,
  type HouseOptions,
  link,
  openHouse,
  plantTree,
  silent,
  type Tree,
} from '../testing/status-house.ts'
import { createFindElsewhere } from './find-elsewhere.ts'
import { KEEP_AFTER_MS, LINEAGE_MS_MAX, RECENT_TOLD_MAX, SWEEPS_TO_GO } from './limits.ts'

const HOUR = 3_600_000
let temporary: ReturnType<typeof temporaryFolder>
let tree: Tree
let shift: number
let open: House[]
beforeEach(async () => {
  temporary = temporaryFolder()
  tree = await plantTree('authority-1', 'authority-2')
  shift = 0
  open = []
})
afterEach(async () => {
  for (const house of open) await house.close()
  temporary[Symbol.dispose]()
})
type Said = { readonly digest: string; readonly rows: unknown[] }
const now = () => Date.now() + shift

async function start(
  instance = 'authority-1',
  options: Partial<HouseOptions> = {},
): Promise<House> {
  const house = await openHouse({ folder: temporary.path, tree, instance, now, ...options })
  open.push(house)
  return house
}
async function stop(house: House): Promise<void> {
  open = open.filter((each) => each !== house)
  await house.close()
}
const name = (short: string) => workloadId(DOMAIN, short)
const listedBy = (house: House, signer = 0): string[] => {
  const id = tree.signers(house.instance)[signer]?.id ?? ''
  const { der } = house.status.crls.find(id) ?? { der: Buffer.alloc(0) }
  return parseCrl(der).revoked.map(({ serial }) => serial)
}
const keyHash = (house: House, serial: string) => house.authority.issued.find(serial)?.keyHash ?? ''

describe('taking a certificate back', () => {
  it('takes the whole lineage of a workload, whichever of its serials is named', async () => {
    const house = await start()
    const first = await house.join('order')
    const second = await house.join('order', first)
    const other = await house.join('order')
    const covered = await house.revocations.revoke({ serial: second.serial }, 'superseded', 'desk')
    expect(covered.map(({ serial }) => serial).sort()).toEqual([first.serial, second.serial].sort())
    for (const { serial, lineage } of [first, second])
      expect(house.revocations.has({ serial, lineage })).toBe(true)
    // One that was never seen here, as a thief would renew it elsewhere.
    expect(house.revocations.has({ serial: 'abc', lineage: first.serial })).toBe(true)
    expect(house.revocations.has(other)).toBe(false)
    expect(house.revocations.words()).toEqual([
      { lineage: first.serial, until: expect.closeTo(now() + LINEAGE_MS_MAX, -4) },
    ])
    await until(() => listedBy(house).length === 2, 'both are on the list')
    expect(listedBy(house)).not.toContain(other.serial)
  })

  it('takes a server certificate alone', async () => {
    const house = await start()
    const [one, two] = [await house.serve('localhost'), await house.serve('localhost')]
    await house.revocations.revoke({ serial: one.serial }, 'cessationOfOperation', 'desk')
    expect(house.revocations.words()).toEqual([{ serial: one.serial, until: one.notAfter }])
    expect([one, two].map((each) => house.revocations.has(each))).toEqual([true, false])
  })

  it('takes all lineages of a name, and no later one', async () => {
    const house = await start()
    const before = [await house.join('order'), await house.join('order')]
    const other = await house.join('payment')
    await house.revocations.revoke({ name: name('order') }, 'unspecified', 'desk')
    const after = await house.join('order')
    expect(before.map((each) => house.revocations.has(each))).toEqual([true, true])
    expect([other, after].map((each) => house.revocations.has(each))).toEqual([false, false])
  })

  it('takes with a lineage what was under way', async () => {
    const house = await start()
    const first = await house.join('order')
    const { privateKey } = await generateKeyPair()
    const csr = await createCsr({ id: name('order'), privateKey })
    const request = { profile: 'workload', kind: 'renew', name: 'order', csr } as const
    const prepared = await house.authority.prepare({ ...request, renews: first })
    await house.revocations.revoke({ serial: first.serial }, 'keyCompromise', 'desk')
    await expect(prepared.commit()).rejects.toMatchObject({ code: 'REVOKED' })
    await house.status.crls.refresh()
    expect(listedBy(house)).toContain(first.serial)
    expect(house.revocations.isCompromised(keyHash(house, prepared.serial))).toBe(true)
    await expect(house.authority.prepare({ ...request, renews: first })).rejects.toMatchObject({
      code: 'REVOKED',
    })
  })

  it('says what it knows nothing of, what has ended, and what was taken back before', async () => {
    const house = await start()
    const { revocations } = house
    const unknown = { code: 'CERTIFICATE_UNKNOWN' }
    await expect(
      revocations.revoke({ serial: 'abc' }, 'unspecified', 'desk'),
    ).rejects.toMatchObject(unknown)
    await expect(
      revocations.revoke({ name: name('order') }, 'unspecified', 'desk'),
    ).rejects.toMatchObject(unknown)
    const [door, order] = [await house.serve('localhost'), await house.join('order')]
    await revocations.revoke({ serial: order.serial }, 'superseded', 'desk')
    for (const again of [{ serial: order.serial }, { name: name('order') }])
      await expect(revocations.revoke(again, 'unspecified', 'desk')).rejects.toMatchObject({
        code: 'ALREADY_REVOKED',
      })
    shift = 8 * DAY
    await expect(
      revocations.revoke({ serial: door.serial }, 'unspecified', 'desk'),
    ).rejects.toMatchObject({ code: 'CERTIFICATE_EXPIRED' })
    expect(revocations.all()).toHaveLength(1)
  })

  it('lets a reason become keyCompromise and nothing else, and remembers the keys for good', async () => {
    const house = await start()
    const first = await house.join('order')
    const second = await house.join('order', first)
    await house.revocations.revoke({ serial: first.serial }, 'superseded', 'desk')
    expect(house.revocations.isCompromised(keyHash(house, first.serial))).toBe(false)
    await house.revocations.revoke({ serial: first.serial }, 'keyCompromise', 'desk')
    for (const { serial } of [first, second])
      expect(house.revocations.isCompromised(keyHash(house, serial))).toBe(true)
    await expect(
      house.revocations.revoke({ serial: first.serial }, 'superseded', 'desk'),
    ).rejects.toMatchObject({ code: 'ALREADY_REVOKED' })
    expect(house.revocations.find(first)).toMatchObject({ reason: 'keyCompromise' })
    await stop(house)
    const again = await start()
    expect(again.revocations.isCompromised(keyHash(again, first.serial))).toBe(true)
  })

  it('takes an intermediate back once it signs no more, on the list of the root', async () => {
    const house = await start('authority-1', { holdsRoot: true })
    const [old] = tree.signers('authority-1')
    const { serial } = readCertificate(new X509Certificate(old?.certificate ?? '').raw)
    await expect(
      house.revocations.revoke({ serial }, 'keyCompromise', 'desk'),
    ).rejects.toMatchObject({ code: 'CA_SIGNS' })
    await tree.plant('authority-1')
    await house.revocations.revoke({ serial }, 'keyCompromise', 'desk')
    await house.status.crls.refresh()
    const { revoked } = parseCrl(house.status.crls.find(tree.root.id)?.der ?? Buffer.alloc(0))
    expect(revoked).toMatchObject([{ serial, reason: 2 }])
  })
})

describe('what was taken back', () => {
  it('stays so over restarts, and when the clock goes back', async () => {
    const house = await start()
    const order = await house.join('order')
    await house.revocations.revoke({ serial: order.serial }, 'superseded', 'desk')
    shift = -30 * DAY
    expect(house.revocations.has(order)).toBe(true)
    await house.revocations.sweep()
    await stop(house)
    const again = await start()
    expect(again.revocations.has(order)).toBe(true)
    expect(again.revocations.words()).toHaveLength(1)
  })

  it('goes an hour after all that it covers, and not because a clock was wrong for a while', async () => {
    const house = await start()
    const order = await house.join('order')
    await house.revocations.revoke({ serial: order.serial }, 'superseded', 'desk')
    shift = LINEAGE_MS_MAX + KEEP_AFTER_MS - 60_000
    for (let i = 0; i < SWEEPS_TO_GO; i++) await house.revocations.sweep()
    expect(house.revocations.has(order)).toBe(true)
    shift = 40 * DAY
    for (let i = 1; i < SWEEPS_TO_GO; i++) await house.revocations.sweep()
    shift = 0
    await house.revocations.sweep()
    shift = 40 * DAY
    for (let i = 1; i < SWEEPS_TO_GO; i++) await house.revocations.sweep()
    expect(house.revocations.has(order)).toBe(true)
    await house.revocations.sweep()
    expect(house.revocations.all()).toEqual([])
  })
})

describe('two authorities', () => {
  it('know of a revocation at once, whoever was asked', async () => {
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const lines = await link(a, b)
    const order = await a.join('order')
    const renewed = await b.join('order', order)
    await b.revocations.revoke({ serial: renewed.serial }, 'superseded', 'desk')
    await until(() => a.revocations.has(order), 'the other knows')
    expect(a.revocations.words()).toEqual(b.revocations.words())
    // Each lists what it signed itself.
    await until(() => listedBy(a).includes(order.serial), 'the other lists its own')
    await until(() => listedBy(b).includes(renewed.serial), 'it lists its own')
    lines.cut()
  })

  it('know of it after a restart of either, also when the other was down at that time', async () => {
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const order = await b.join('order')
    const payment = await a.join('payment')
    await stop(b)
    // Nobody who answers has it on record: in doubt it is taken back.
    await stop(a)
    const alone = await start('authority-1', {
      findElsewhere: async () => ({ found: [], silent: ['authority-2'] }),
    })
    await alone.revocations.revoke({ serial: order.serial }, 'keyCompromise', 'desk')
    await alone.revocations.revoke({ name: name('payment') }, 'unspecified', 'desk')
    await stop(alone)
    const [c, d] = [await start('authority-1'), await start('authority-2')]
    expect(c.revocations.has(order)).toBe(true)
    const lines = await link(c, d)
    await lines.talk()
    expect(d.revocations.has(order)).toBe(true)
    expect(d.revocations.has(payment)).toBe(true)
    expect(d.revocations.isCompromised(keyHash(d, order.serial))).toBe(true)
    await d.status.crls.refresh()
    expect(listedBy(d)).toContain(order.serial)
    await lines.talk()
    expect(c.revocations.words()).toEqual(d.revocations.words())
    expect(c.revocations.isCompromised(keyHash(d, order.serial))).toBe(true)
    lines.cut()
  })

  it('make a name into the lineages that each has, however late they hear of it', async () => {
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const [here, there] = [await a.join('order'), await b.join('order')]
    await a.revocations.revoke({ name: name('order') }, 'unspecified', 'desk')
    shift = HOUR / 2
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
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const lines = await link(a, b)
    shift = HOUR
    const first = await a.join('order')
    await a.revocations.revoke({ name: name('order') }, 'unspecified', 'desk')
    lines.cut()
    shift = HOUR / 2
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
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const held = await Promise.all(Array.from({ length: 9 }, (_, i) => a.join(`service-${i}`)))
    const digest = '0'.repeat(64)
    for (const [i, { serial }] of held.entries()) {
      if (i % 3 !== 0) await a.revocations.revoke({ serial }, 'superseded', 'desk a')
      if (i % 3 === 1) continue
      const at = now() + (i % 2 ? -1 : 1) * 60_000
      const reason = i % 2 ? 'keyCompromise' : 'unspecified'
      const rows = [['lineage', serial, at, now() + DAY, reason, 'desk b']]
      await b.revocations.topic.hear({ digest, rows, keys: [] }, 'elsewhere')
    }
    const many = Array.from({ length: 300 }, (_, i) => {
      const of = (i + 1).toString(16)
      return ['certificate', of, now(), now() + DAY, 'unspecified', 'desk c']
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
    const b = await start('authority-2')
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
    const a = await start('authority-1', { findElsewhere: createFindElsewhere([there], silent) })
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
    await stop(a)
    const find = createFindElsewhere([there, away], silent)
    const again = await start('authority-1', { findElsewhere: find })
    expect(await find({ serial: 'abc' })).toEqual({ found: [], silent: ['b'] })
    // In doubt it is taken back.
    const blind = await again.revocations.revoke({ serial: 'abc' }, 'unspecified', 'x')
    expect(blind).toMatchObject([{ serial: 'abc', name: '' }])
    expect(again.revocations.has({ serial: 'abc' })).toBe(true)
    expect(again.revocations.has({ serial: 'def', lineage: 'abc' })).toBe(true)
  })

  it('take in nothing that no authority would say', async () => {
    const house = await start()
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
