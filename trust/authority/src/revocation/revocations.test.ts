import { X509Certificate } from 'node:crypto'
import { workloadId } from '@countersign/contract'
import { until } from '@countersign/ground/testkit'
import { createCsr, generateKeyPair, parseCrl, readCertificate } from '@countersign/ground/x509'
import { describe, expect, it } from 'vitest'
import { DAY, DOMAIN } from '../testing/status-house.ts'
import { keyHashOf, listedBy, useStatusHouses } from '../testing/use-status-houses.ts'
import { KEEP_AFTER_MS, LINEAGE_MS_MAX, SWEEPS_TO_GO } from './limits.ts'

const my = useStatusHouses()
const name = (short: string) => workloadId(DOMAIN, short)

describe('taking a certificate back', () => {
  it('takes the whole lineage of a workload, whichever of its serials is named', async () => {
    const house = await my.start()
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
      { lineage: first.serial, until: expect.closeTo(my.now() + LINEAGE_MS_MAX, -5) },
    ])
    await until(() => listedBy(my, house).length === 2, 'both are on the list')
    expect(listedBy(my, house)).not.toContain(other.serial)
  })

  it('takes a server certificate alone', async () => {
    const house = await my.start()
    const [one, two] = [await house.serve('localhost'), await house.serve('localhost')]
    await house.revocations.revoke({ serial: one.serial }, 'cessationOfOperation', 'desk')
    expect(house.revocations.words()).toEqual([{ serial: one.serial, until: one.notAfter }])
    expect([one, two].map((each) => house.revocations.has(each))).toEqual([true, false])
  })

  it('takes all lineages of a name, and no later one', async () => {
    const house = await my.start()
    const before = [await house.join('order'), await house.join('order')]
    const other = await house.join('payment')
    await house.revocations.revoke({ name: name('order') }, 'unspecified', 'desk')
    const after = await house.join('order')
    expect(before.map((each) => house.revocations.has(each))).toEqual([true, true])
    expect([other, after].map((each) => house.revocations.has(each))).toEqual([false, false])
  })

  it('takes with a lineage what was under way', async () => {
    const house = await my.start()
    const first = await house.join('order')
    const { privateKey } = await generateKeyPair()
    const csr = await createCsr({ id: name('order'), privateKey })
    const request = { profile: 'workload', kind: 'renew', name: 'order', csr } as const
    const prepared = await house.authority.prepare({ ...request, renews: first })
    await house.revocations.revoke({ serial: first.serial }, 'keyCompromise', 'desk')
    await expect(prepared.commit()).rejects.toMatchObject({ code: 'REVOKED' })
    await house.status.crls.refresh()
    expect(listedBy(my, house)).toContain(first.serial)
    expect(house.revocations.isCompromised(keyHashOf(house, prepared.serial))).toBe(true)
    await expect(house.authority.prepare({ ...request, renews: first })).rejects.toMatchObject({
      code: 'REVOKED',
    })
  })

  it('says what it knows nothing of, what has ended, and what was taken back before', async () => {
    const house = await my.start()
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
    my.shiftMs = 8 * DAY
    await expect(
      revocations.revoke({ serial: door.serial }, 'unspecified', 'desk'),
    ).rejects.toMatchObject({ code: 'CERTIFICATE_EXPIRED' })
    expect(revocations.all()).toHaveLength(1)
  })

  it('lets a reason become keyCompromise and nothing else, and remembers the keys for good', async () => {
    const house = await my.start()
    const first = await house.join('order')
    const second = await house.join('order', first)
    await house.revocations.revoke({ serial: first.serial }, 'superseded', 'desk')
    expect(house.revocations.isCompromised(keyHashOf(house, first.serial))).toBe(false)
    await house.revocations.revoke({ serial: first.serial }, 'keyCompromise', 'desk')
    for (const { serial } of [first, second])
      expect(house.revocations.isCompromised(keyHashOf(house, serial))).toBe(true)
    await expect(
      house.revocations.revoke({ serial: first.serial }, 'superseded', 'desk'),
    ).rejects.toMatchObject({ code: 'ALREADY_REVOKED' })
    expect(house.revocations.find(first)).toMatchObject({ reason: 'keyCompromise' })
    await my.stop(house)
    const again = await my.start()
    expect(again.revocations.isCompromised(keyHashOf(again, first.serial))).toBe(true)
  })

  it('takes an intermediate back once it signs no more, on the list of the root', async () => {
    const house = await my.start('authority-1', { holdsRoot: true })
    const [old] = my.tree.signers('authority-1')
    const { serial } = readCertificate(new X509Certificate(old?.certificate ?? '').raw)
    await expect(
      house.revocations.revoke({ serial }, 'keyCompromise', 'desk'),
    ).rejects.toMatchObject({ code: 'CA_SIGNS' })
    await my.tree.plant('authority-1')
    await house.revocations.revoke({ serial }, 'keyCompromise', 'desk')
    await house.status.crls.refresh()
    const { revoked } = parseCrl(house.status.crls.find(my.tree.root.id)?.der ?? Buffer.alloc(0))
    expect(revoked).toMatchObject([{ serial, reason: 2 }])
  })
})

describe('what was taken back', () => {
  it('stays so over restarts, and when the clock goes back', async () => {
    const house = await my.start()
    const order = await house.join('order')
    await house.revocations.revoke({ serial: order.serial }, 'superseded', 'desk')
    my.shiftMs = -30 * DAY
    expect(house.revocations.has(order)).toBe(true)
    await house.revocations.sweep()
    await my.stop(house)
    const again = await my.start()
    expect(again.revocations.has(order)).toBe(true)
    expect(again.revocations.words()).toHaveLength(1)
  })

  it('goes an hour after all that it covers, and not because a clock was wrong for a while', async () => {
    const house = await my.start()
    const order = await house.join('order')
    await house.revocations.revoke({ serial: order.serial }, 'superseded', 'desk')
    my.shiftMs = LINEAGE_MS_MAX + KEEP_AFTER_MS - 60_000
    for (let i = 0; i < SWEEPS_TO_GO; i++) await house.revocations.sweep()
    expect(house.revocations.has(order)).toBe(true)
    my.shiftMs = 40 * DAY
    for (let i = 1; i < SWEEPS_TO_GO; i++) await house.revocations.sweep()
    my.shiftMs = 0
    await house.revocations.sweep()
    my.shiftMs = 40 * DAY
    for (let i = 1; i < SWEEPS_TO_GO; i++) await house.revocations.sweep()
    expect(house.revocations.has(order)).toBe(true)
    await house.revocations.sweep()
    expect(house.revocations.all()).toEqual([])
  })
})
