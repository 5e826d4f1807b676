import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '@countersign/ground/testkit'
import { parseCrl } from '@countersign/ground/x509'
import { describe, expect, it } from 'vitest'
import type { OutsideDoor } from '../outside/outside-door.ts'
import { hasOpenssl, openssl } from '../testing/openssl.ts'
import { openDoor, send } from '../testing/status-door.ts'
import { type Held, type House, link } from '../testing/status-house.ts'
import { signerOf, useStatusHouses } from '../testing/use-status-houses.ts'

/* What openssl makes of answers and lists at the outside door. */
const HOUR = 3_600_000
const my = useStatusHouses()
const { file } = my
interface OcspQuestion {
  readonly house: House
  readonly door: OutsideDoor
  readonly held: Held
  readonly more?: readonly string[]
}
function askOcsp({ house, door, held, more = [] }: OcspQuestion) {
  const files = ['-issuer', file('issuer.pem', signerOf(my, house.instance).certificate)]
  const trusted = ['-CAfile', file('roots.pem', my.tree.bundle)]
  const chain = ['-verify_other', file('issuer.pem', signerOf(my, house.instance).certificate)]
  const leaf = ['-cert', file('leaf.pem', held.chain)]
  const url = ['-url', `${door.baseUrl.replace('127.0.0.1', 'localhost')}/ocsp`]
  return openssl('ocsp', ...files, ...trusted, ...chain, ...more, ...leaf, ...url)
}

describe.skipIf(!hasOpenssl)('openssl at the outside door', () => {
  it('verifies answers: good, revoked with its reason, unknown', async () => {
    const house = await my.start()
    const door = await openDoor(my, house)
    const held = await house.serve('localhost')
    for (const more of [[], ['-sha256'], ['-no_nonce']]) {
      const good = await askOcsp({ house, door, held, more })
      expect(good.text).toContain('Response verify OK')
      expect(good.text).toMatch(/leaf\.pem: good\n/)
      expect(good.text).not.toMatch(/WARNING: no nonce/)
    }
    await house.revocations.revoke({ serial: held.serial }, 'keyCompromise', 'desk')
    for (const more of [[], ['-sha256'], ['-no_nonce']]) {
      const { text } = await askOcsp({ house, door, held, more })
      expect(text).toContain('Response verify OK')
      expect(text).toMatch(/leaf\.pem: revoked\n[\s\S]*Reason: keyCompromise/)
    }
    const serial = ['-serial', '0x1234567890abcdef']
    const { text } = await askOcsp({ house, door, held, more: serial })
    expect(text).toMatch(/0x1234567890abcdef: unknown\n/)
  })

  it('verifies lists, by themselves and along a chain', async () => {
    const house = await my.start('authority-1', { holdsRoot: true })
    const door = await openDoor(my, house)
    const [kept, gone] = [await house.join('order'), await house.join('order')]
    const issuer = signerOf(my, house.instance)
    const fetched = async (id: string) => (await send(my, { door, path: `/crl/${id}.pem` })).body
    const verify = async (held: Held) => {
      const lists = Buffer.concat([await fetched(issuer.id), await fetched(my.tree.root.id)])
      const crls = ['-CRLfile', file('lists.pem', lists), '-crl_check_all', '-x509_strict']
      const trusted = ['-CAfile', file('roots.pem', my.tree.bundle)]
      const chain = ['-untrusted', file('issuer.pem', issuer.certificate)]
      return await openssl('verify', ...trusted, ...chain, ...crls, file('leaf.pem', held.chain))
    }
    expect(await verify(gone)).toMatchObject({ ok: true, text: expect.stringContaining('OK') })
    await house.revocations.revoke({ serial: gone.serial }, 'superseded', 'desk')
    await until(async () => !(await verify(gone)).ok, 'it is on the list')
    expect((await verify(gone)).text).toContain('certificate revoked')
    expect((await verify(kept)).ok).toBe(true)

    const { body, headers } = await send(my, { door, path: `/crl/${issuer.id}.crl` })
    expect(headers['content-type']).toBe('application/pkix-crl')
    const crl = ['-inform', 'DER', '-in', file('list.crl', body), '-text', '-noout']
    const { text } = await openssl('crl', ...crl, '-CAfile', file('issuer.pem', issuer.certificate))
    expect(text).toMatch(/verify OK/)
    expect(text).toMatch(/Version 2[\s\S]*X509v3 CRL Number:[\s\S]*Reason Code: \n? *Superseded/)
    expect(text.toLowerCase().replaceAll(' ', '')).toContain(`serialnumber:${gone.serial}`)
  })

  it('finds both where a server certificate says that they are', async () => {
    const house = await my.start('authority-1', { baseUrl: 'https://localhost:9' })
    const { chain } = await house.serve('localhost')
    const { text } = await openssl('x509', '-in', file('leaf.pem', chain), '-noout', '-text')
    expect(text).toContain(`URI:https://localhost:9/crl/${signerOf(my, house.instance).id}.crl`)
    expect(text).toContain('OCSP - URI:https://localhost:9/ocsp')
  })

  it('gets from each authority the lists of all', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const lines = await link(a, b)
    await lines.talk()
    const door = await openDoor(my, a)
    const held = await b.join('order')
    await b.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    const issuer = signerOf(my, b.instance)
    const listed = async () =>
      parseCrl((await send(my, { door, path: `/crl/${issuer.id}.crl` })).body)
    await until(async () => (await listed()).revoked.length === 1, 'the list has come over')
    const { body } = await send(my, { door, path: `/crl/${issuer.id}.pem` })
    const crl = ['-in', file('list.pem', body), '-noout']
    const { text } = await openssl('crl', ...crl, '-CAfile', file('issuer.pem', issuer.certificate))
    expect(text).toMatch(/verify OK/)
    lines.cut()
  })
})

/** The status of an answer: its ENUMERATED. */
const statusOf = (der: Buffer): number | undefined =>
  der[der.indexOf(Buffer.from('0a01', 'hex')) + 2]
const OCSP = { 'content-type': 'application/ocsp-request' }

describe.skipIf(!hasOpenssl)('questions to the door (openssl writes them)', () => {
  async function question(house: House, held: Held, ...more: string[]): Promise<Buffer> {
    const out = join(my.path, 'question.der')
    const issuer = file('issuer.pem', signerOf(my, house.instance).certificate)
    await openssl(
      'ocsp',
      '-issuer',
      issuer,
      '-cert',
      file('leaf.pem', held.chain),
      ...more,
      '-reqout',
      out,
    )
    return await readFile(out)
  }

  it('may come by GET, however the slashes are written, and then may be kept for a minute', async () => {
    const house = await my.start()
    const door = await openDoor(my, house)
    const held = await house.serve('localhost')
    const base64 = (await question(house, held, '-no_nonce')).toString('base64')
    const bodies = []
    for (const path of [base64, encodeURIComponent(base64), base64.replace(/=+$/, '')]) {
      const { status, headers, body } = await send(my, { door, path: `/ocsp/${path}` })
      expect([status, headers['content-type'], statusOf(body)]).toEqual([
        200,
        'application/ocsp-response',
        0,
      ])
      expect(headers['cache-control']).toBe('public, no-transform, must-revalidate, max-age=60')
      expect(Date.parse(headers.expires ?? '') - my.now()).toBeGreaterThan(3 * HOUR)
      bodies.push(body.toString('hex'))
    }
    // One signature serves them all, until something is taken back.
    expect(new Set(bodies).size).toBe(1)
    await house.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    const { body } = await send(my, { door, path: `/ocsp/${encodeURIComponent(base64)}` })
    expect(bodies).not.toContain(body.toString('hex'))
  })

  it('are refused where they make no sense, or are for another authority', async () => {
    const [a, b] = [await my.start('authority-1'), await my.start('authority-2')]
    const door = await openDoor(my, a)
    const held = await b.serve('localhost')
    const foreign = await question(b, held)
    const ask = (body: Buffer, headers = OCSP) =>
      send(my, { door, path: '/ocsp', method: 'POST', body, headers })
    const refused = await ask(foreign)
    expect([refused.status, statusOf(refused.body)]).toEqual([200, 6])
    expect(refused.headers['cache-control']).toBe('no-store')
    const own = await question(a, await a.serve('localhost'))
    const hostile = [Buffer.alloc(0), Buffer.from('hello'), own.subarray(1), own.subarray(0, -1)]
    hostile.push(Buffer.concat([own, own]), Buffer.alloc(4_000, 0x30), Buffer.from('3080', 'hex'))
    for (const body of hostile) expect(statusOf((await ask(body)).body)).toBe(1)
    for (const path of ['/ocsp/%20', '/ocsp/@@@', '/ocsp/AAAA', '/ocsp/..%2F..'])
      expect(statusOf((await send(my, { door, path })).body)).toBe(1)
    // Every single octet of it changed: an answer, whatever it is, and the door stands.
    for (let i = 0; i < own.length; i++) {
      const changed = Buffer.from(own)
      changed[i] = (changed[i] ?? 0) ^ 0x55
      expect(a.status.routes.length).toBeGreaterThan(0)
      expect([0, 1, 6]).toContain(statusOf((await ask(changed)).body))
    }
    expect((await ask(own, { 'content-type': 'text/plain' })).status).toBe(415)
    expect((await ask(Buffer.alloc(5_000))).status).toBe(413)
    expect(statusOf((await ask(own)).body)).toBe(0)
  })
})
