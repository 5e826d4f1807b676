import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { until } from '@countersign/ground/testkit'
import { createCrl, parseCrl, readCertificate } from '@countersign/ground/x509'
import { describe, expect, it } from 'vitest'
import { hasOpenssl, openssl } from '../testing/openssl.ts'
import { openDoor, send } from '../testing/status-door.ts'
import { DAY, type House, link, plantTree } from '../testing/status-house.ts'
import { signerOf, useStatusHouses } from '../testing/use-status-houses.ts'
import type { StatusIssuer } from './ports.ts'

const HOUR = 3_600_000
const my = useStatusHouses()
const { file } = my

describe('lists', () => {
  const numberOf = (house: House, id = signerOf(my, house.instance).id) =>
    house.status.crls.find(id)?.number ?? 0

  it('have numbers that go up, over revocations, restarts, a clock that goes back and a backup', async () => {
    const house = await my.start()
    const numbers = [numberOf(house)]
    for (const name of ['order', 'payment']) {
      const { serial } = await house.join(name)
      await house.revocations.revoke({ serial }, 'superseded', 'desk')
      await until(() => numberOf(house) > (numbers.at(-1) ?? 0), 'there is a new list')
      numbers.push(numberOf(house))
    }
    expect(numbers[0]).toBeGreaterThan(Date.now() - 60_000)
    await my.stop(house)
    my.shiftMs = -400 * DAY
    const again = await my.start()
    numbers.push(numberOf(again))
    expect(
      parseCrl(again.status.crls.find(signerOf(my, again.instance).id)?.der ?? Buffer.alloc(0)),
    ).toMatchObject({
      revoked: [{}, {}],
      number: BigInt(numbers.at(-1) ?? 0),
    })
    // A list that a peer has from before we forgot.
    const seen = numbers.at(-1) ?? 0
    const der = listOf(signerOf(my, again.instance), seen + 1_000)
    const said = {
      numbers: {},
      lists: { [signerOf(my, again.instance).id]: der.toString('base64') },
    }
    await again.status.topic.hear(said, 'authority-2')
    numbers.push(numberOf(again))
    expect(numbers.at(-1)).toBeGreaterThan(seen + 1_000)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  it('are made anew at half of their life', async () => {
    const house = await my.start()
    const { crls } = house.status
    const before = crls.find(signerOf(my, house.instance).id)
    expect((before?.nextUpdate ?? 0) - (before?.thisUpdate ?? 0)).toBe(DAY)
    my.shiftMs = 11 * HOUR
    await crls.refresh()
    expect(crls.find(signerOf(my, house.instance).id)).toBe(before)
    my.shiftMs = 12 * HOUR + 1_000
    await crls.refresh()
    const after = crls.find(signerOf(my, house.instance).id)
    expect(after?.thisUpdate).toBeGreaterThan((before?.nextUpdate ?? 0) - 12 * HOUR)
    expect(after?.number).toBeGreaterThan(before?.number ?? 0)
  })

  it('come with a new CA, and stay for one that signs no more', async () => {
    const house = await my.start()
    const [old] = my.tree.signers('authority-1')
    const held = await house.join('order')
    const next = await my.tree.plant('authority-1')
    await until(() => house.status.crls.find(next.id), 'the new CA has a list')
    await house.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    await house.status.crls.refresh()
    const listed = (id = '') =>
      parseCrl(house.status.crls.find(id)?.der ?? Buffer.alloc(0)).revoked.length
    expect([listed(old?.id), listed(next.id)]).toEqual([1, 0])
  })

  it('of a peer are believed by their signature alone, and never go back', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const [own, other] = [signerOf(my, a.instance), signerOf(my, b.instance)]
    const hear = (id: string, der: Buffer) =>
      a.status.topic.hear({ numbers: {}, lists: { [id]: der.toString('base64') } }, 'authority-2')
    const stranger = (await plantTree('authority-2')).signers('authority-2')[0]
    await hear(other.id, listOf(stranger ?? other, 5))
    const forged = listOf({ ...other, privateKey: own.privateKey, certificate: own.certificate }, 6)
    await hear(other.id, forged)
    const broken = Buffer.from(listOf(other, 7))
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1
    await hear(other.id, broken)
    await hear('0'.repeat(40), listOf(other, 8))
    expect(a.status.crls.find(other.id)).toBeUndefined()
    await expect(hear(other.id, Buffer.from('hello'))).rejects.toThrow()
    await expect(hear('x', listOf(other, 8))).rejects.toThrow()
    await hear(other.id, listOf(other, 10))
    await hear(other.id, listOf(other, 9))
    expect(numberOf(a, other.id)).toBe(10)
    // Nor does anybody write ours for us.
    await hear(own.id, listOf(other, Date.now() + DAY))
    expect(numberOf(a)).toBeLessThan(Date.now() + HOUR)
    await my.stop(a)
    const again = await my.start('authority-1')
    expect(numberOf(again, other.id)).toBe(10)
  })

  it('of a root whose key several hold come to be one, and stay so', async () => {
    const houses: House[] = []
    for (const instance of ['authority-1', 'authority-2'])
      houses.push(await my.start(instance, { holdsRoot: true }))
    const [a, b] = houses
    if (a === undefined || b === undefined) throw new Error('two were started')
    const lines = await link(a, b)
    const lists = () => houses.map(({ status }) => status.crls.find(my.tree.root.id))
    const isOne = () => new Set(lists().map((crl) => crl?.number)).size === 1
    await until(isOne, 'they have the same list')
    const [old] = my.tree.signers('authority-2')
    const { serial } = readCertificate(new X509Certificate(old?.certificate ?? '').raw)
    await my.tree.plant('authority-2')
    await a.revocations.revoke({ serial }, 'cessationOfOperation', 'desk')
    const entries = () => lists().map((crl) => parseCrl(crl?.der ?? Buffer.alloc(0)).revoked)
    await until(() => entries().every(([entry]) => entry?.serial === serial), 'both list it')
    await until(isOne, 'they have the same list')
    const settled = lists()[0]?.number
    for (let i = 0; i < 3; i++) await lines.talk()
    for (const { status } of houses) await status.crls.refresh()
    expect(lists().map((crl) => crl?.number)).toEqual([settled, settled])
    lines.cut()
  })

  it('come back from a peer with what a restore forgot', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const lines = await link(a, b)
    const held = await a.join('order')
    await a.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    const id = signerOf(my, a.instance).id
    const entries = (house: House) =>
      parseCrl(house.status.crls.find(id)?.der ?? Buffer.alloc(0)).revoked.map(
        ({ serial }) => serial,
      )
    await until(() => entries(b).includes(held.serial), 'the other has the list')
    const before = numberOf(b, id)
    lines.cut()
    await my.stop(a)
    const folder = join(my.path, 'restored')
    const empty = await my.start('authority-1', { folder })
    expect(entries(empty)).toEqual([])
    const again = await link(empty, b)
    await until(() => entries(empty).includes(held.serial), 'it has them again')
    expect(empty.revocations.has(held)).toBe(true)
    expect(numberOf(empty)).toBeGreaterThan(before)
    const { text } = hasOpenssl
      ? await openssl(
          'crl',
          '-inform',
          'DER',
          '-in',
          file('l', empty.status.crls.find(id)?.der ?? ''),
          '-text',
          '-noout',
        )
      : { text: 'Superseded' }
    expect(text).toContain('Superseded')
    again.cut()
  })

  it('are served with what caches need, and not where nobody has one', async () => {
    const house = await my.start()
    const door = await openDoor(my, house)
    const path = `/crl/${signerOf(my, house.instance).id}.crl`
    const { headers } = await send(my, { door, path })
    expect(headers['cache-control']).toBe('public, max-age=60, must-revalidate')
    const tag = headers.etag ?? ''
    expect((await send(my, { door, path, headers: { 'if-none-match': tag } })).status).toBe(304)
    expect((await send(my, { door, path, method: 'HEAD' })).headers['content-length']).toBe(
      headers['content-length'],
    )
    for (const id of ['0'.repeat(40), 'x', '__proto__', '%2e%2e'])
      expect((await send(my, { door, path: `/crl/${id}.crl` })).status).toBe(404)
  })
})

function listOf(issuer: StatusIssuer, number: number): Buffer {
  const times = { thisUpdate: Date.now(), nextUpdate: Date.now() + DAY }
  return createCrl({ issuer, number: BigInt(number), ...times, revoked: [] })
}
