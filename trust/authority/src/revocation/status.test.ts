import { execFile, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { createCrl, parseCrl, readCertificate } from '@countersign/ground/x509'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openOutside } from '../outside/open-outside.ts'
import type { OutsideDoor } from '../outside/outside-door.ts'
import {
  DAY,
  DOMAIN,
  type Held,
  type House,
  type HouseOptions,
  link,
  openHouse,
  plantTree,
  silent,
  type Tree,
} from '../testing/status-house.ts'
import type { StatusIssuer } from './ports.ts'

const HOUR = 3_600_000
const hasOpenssl = spawnSync('openssl', ['version']).status === 0
let temporary: ReturnType<typeof temporaryFolder>
let tree: Tree
let shift: number
let closing: (() => Promise<unknown>)[]
beforeEach(async () => {
  temporary = temporaryFolder()
  tree = await plantTree('authority-1', 'authority-2')
  shift = 0
  closing = []
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  temporary[Symbol.dispose]()
})
const now = () => Date.now() + shift

async function start(
  instance = 'authority-1',
  options: Partial<HouseOptions> = {},
): Promise<House> {
  const house = await openHouse({ folder: temporary.path, tree, instance, now, ...options })
  closing.push(house.close)
  return house
}
async function stop(house: House): Promise<void> {
  closing = closing.filter((each) => each !== house.close)
  await house.close()
}
async function openDoor(house: House): Promise<OutsideDoor> {
  const door = await openOutside({
    listen: { host: '127.0.0.1', port: 0 },
    url: undefined,
    publicNames: ['localhost', '127.0.0.1'],
    workload: {
      trustDomain: DOMAIN,
      instance: house.instance,
      log: silent,
      metrics: new Metrics(),
    },
    authority: house.authority,
    signers: { active: () => signerOf(house) },
    trust: { state: tree.state, bundle: () => tree.bundle, onChange: tree.onChange },
    revocations: house.revocations,
    ready: () => true,
    routes: house.status.routes,
  })
  closing.push(door.close)
  return door
}
function signerOf({ instance }: House): StatusIssuer & { root: string } {
  const signer = tree.signers(instance).at(-1)
  if (signer === undefined) throw new Error('no signer')
  return signer
}

interface Wanted {
  readonly path: string
  readonly method?: string
  readonly body?: Buffer
  readonly headers?: Record<string, string>
}
async function send(door: OutsideDoor, { path, method = 'GET', body, headers = {} }: Wanted) {
  const outgoing = request({
    ...{ host: '127.0.0.1', port: door.port, path, method, headers, ca: tree.bundle, agent: false },
    servername: 'localhost',
  })
  outgoing.end(body)
  const [response] = await once(outgoing, 'response')
  const bytes = Buffer.concat(await response.toArray())
  return { status: response.statusCode as number, headers: response.headers, body: bytes }
}

const file = (name: string, content: string | Buffer): string => {
  const path = join(temporary.path, name)
  writeFileSync(path, content)
  return path
}
/** Everything that openssl says, whether it is content or not. */
async function openssl(...args: string[]): Promise<{ ok: boolean; text: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)('openssl', args)
    return { ok: true, text: stdout + stderr }
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    return { ok: false, text: stdout + stderr }
  }
}
interface OcspQuestion {
  readonly house: House
  readonly door: OutsideDoor
  readonly held: Held
  readonly more?: readonly string[]
}
function askOcsp({ house, door, held, more = [] }: OcspQuestion) {
  const files = ['-issuer', file('issuer.pem', signerOf(house).certificate)]
  const trusted = ['-CAfile', file('roots.pem', tree.bundle)]
  const chain = ['-verify_other', file('issuer.pem', signerOf(house).certificate)]
  const leaf = ['-cert', file('leaf.pem', held.chain)]
  const url = ['-url', `${door.baseUrl.replace('127.0.0.1', 'localhost')}/ocsp`]
  return openssl('ocsp', ...files, ...trusted, ...chain, ...more, ...leaf, ...url)
}

describe.skipIf(!hasOpenssl)('openssl at the outside door', () => {
  it('verifies answers: good, revoked with its reason, unknown', async () => {
    const house = await start()
    const door = await openDoor(house)
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
    const house = await start('authority-1', { holdsRoot: true })
    const door = await openDoor(house)
    const [kept, gone] = [await house.join('order'), await house.join('order')]
    const issuer = signerOf(house)
    const fetched = async (id: string) => (await send(door, { path: `/crl/${id}.pem` })).body
    const verify = async (held: Held) => {
      const lists = Buffer.concat([await fetched(issuer.id), await fetched(tree.root.id)])
      const crls = ['-CRLfile', file('lists.pem', lists), '-crl_check_all', '-x509_strict']
      const trusted = ['-CAfile', file('roots.pem', tree.bundle)]
      const chain = ['-untrusted', file('issuer.pem', issuer.certificate)]
      return await openssl('verify', ...trusted, ...chain, ...crls, file('leaf.pem', held.chain))
    }
    expect(await verify(gone)).toMatchObject({ ok: true, text: expect.stringContaining('OK') })
    await house.revocations.revoke({ serial: gone.serial }, 'superseded', 'desk')
    await until(async () => !(await verify(gone)).ok, 'it is on the list')
    expect((await verify(gone)).text).toContain('certificate revoked')
    expect((await verify(kept)).ok).toBe(true)

    const { body, headers } = await send(door, { path: `/crl/${issuer.id}.crl` })
    expect(headers['content-type']).toBe('application/pkix-crl')
    const crl = ['-inform', 'DER', '-in', file('list.crl', body), '-text', '-noout']
    const { text } = await openssl('crl', ...crl, '-CAfile', file('issuer.pem', issuer.certificate))
    expect(text).toMatch(/verify OK/)
    expect(text).toMatch(/Version 2[\s\S]*X509v3 CRL Number:[\s\S]*Reason Code: \n? *Superseded/)
    expect(text.toLowerCase().replaceAll(' ', '')).toContain(`serialnumber:${gone.serial}`)
  })

  it('finds both where a server certificate says that they are', async () => {
    const house = await start('authority-1', { baseUrl: 'https://localhost:9' })
    const { chain } = await house.serve('localhost')
    const { text } = await openssl('x509', '-in', file('leaf.pem', chain), '-noout', '-text')
    expect(text).toContain(`URI:https://localhost:9/crl/${signerOf(house).id}.crl`)
    expect(text).toContain('OCSP - URI:https://localhost:9/ocsp')
  })

  it('gets from each authority the lists of all', async () => {
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const lines = await link(a, b)
    await lines.talk()
    const door = await openDoor(a)
    const held = await b.join('order')
    await b.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    const issuer = signerOf(b)
    const listed = async () => parseCrl((await send(door, { path: `/crl/${issuer.id}.crl` })).body)
    await until(async () => (await listed()).revoked.length === 1, 'the list has come over', 1_000)
    const { body } = await send(door, { path: `/crl/${issuer.id}.pem` })
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
    const { readFile } = await import('node:fs/promises')
    const out = join(temporary.path, 'question.der')
    const issuer = file('issuer.pem', signerOf(house).certificate)
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
    const house = await start()
    const door = await openDoor(house)
    const held = await house.serve('localhost')
    const base64 = (await question(house, held, '-no_nonce')).toString('base64')
    const bodies = []
    for (const path of [base64, encodeURIComponent(base64), base64.replace(/=+$/, '')]) {
      const { status, headers, body } = await send(door, { path: `/ocsp/${path}` })
      expect([status, headers['content-type'], statusOf(body)]).toEqual([
        200,
        'application/ocsp-response',
        0,
      ])
      expect(headers['cache-control']).toBe('public, no-transform, must-revalidate, max-age=60')
      expect(Date.parse(headers.expires ?? '') - now()).toBeGreaterThan(3 * HOUR)
      bodies.push(body.toString('hex'))
    }
    // One signature serves them all, until something is taken back.
    expect(new Set(bodies).size).toBe(1)
    await house.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    const { body } = await send(door, { path: `/ocsp/${encodeURIComponent(base64)}` })
    expect(bodies).not.toContain(body.toString('hex'))
  })

  it('are refused where they make no sense, or are for another authority', async () => {
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const door = await openDoor(a)
    const held = await b.serve('localhost')
    const foreign = await question(b, held)
    const ask = (body: Buffer, headers = OCSP) =>
      send(door, { path: '/ocsp', method: 'POST', body, headers })
    const refused = await ask(foreign)
    expect([refused.status, statusOf(refused.body)]).toEqual([200, 6])
    expect(refused.headers['cache-control']).toBe('no-store')
    const own = await question(a, await a.serve('localhost'))
    const hostile = [Buffer.alloc(0), Buffer.from('hello'), own.subarray(1), own.subarray(0, -1)]
    hostile.push(Buffer.concat([own, own]), Buffer.alloc(4_000, 0x30), Buffer.from('3080', 'hex'))
    for (const body of hostile) expect(statusOf((await ask(body)).body)).toBe(1)
    for (const path of ['/ocsp/%20', '/ocsp/@@@', '/ocsp/AAAA', '/ocsp/..%2F..'])
      expect(statusOf((await send(door, { path })).body)).toBe(1)
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

describe('lists', () => {
  const numberOf = (house: House, id = signerOf(house).id) =>
    house.status.crls.find(id)?.number ?? 0

  it('have numbers that go up, over revocations, restarts, a clock that goes back and a backup', async () => {
    const house = await start()
    const numbers = [numberOf(house)]
    for (const name of ['order', 'payment']) {
      const { serial } = await house.join(name)
      await house.revocations.revoke({ serial }, 'superseded', 'desk')
      await until(() => numberOf(house) > (numbers.at(-1) ?? 0), 'there is a new list')
      numbers.push(numberOf(house))
    }
    expect(numbers[0]).toBeGreaterThan(Date.now() - 60_000)
    await stop(house)
    shift = -400 * DAY
    const again = await start()
    numbers.push(numberOf(again))
    expect(
      parseCrl(again.status.crls.find(signerOf(again).id)?.der ?? Buffer.alloc(0)),
    ).toMatchObject({
      revoked: [{}, {}],
      number: BigInt(numbers.at(-1) ?? 0),
    })
    // A list that a peer has from before we forgot.
    const seen = numbers.at(-1) ?? 0
    const der = listOf(signerOf(again), seen + 1_000)
    const said = { numbers: {}, lists: { [signerOf(again).id]: der.toString('base64') } }
    await again.status.topic.hear(said, 'authority-2')
    numbers.push(numberOf(again))
    expect(numbers.at(-1)).toBeGreaterThan(seen + 1_000)
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  it('are made anew at half of their life', async () => {
    const house = await start()
    const { crls } = house.status
    const before = crls.find(signerOf(house).id)
    expect((before?.nextUpdate ?? 0) - (before?.thisUpdate ?? 0)).toBe(DAY)
    shift = 11 * HOUR
    await crls.refresh()
    expect(crls.find(signerOf(house).id)).toBe(before)
    shift = 12 * HOUR + 1_000
    await crls.refresh()
    const after = crls.find(signerOf(house).id)
    expect(after?.thisUpdate).toBeGreaterThan((before?.nextUpdate ?? 0) - 12 * HOUR)
    expect(after?.number).toBeGreaterThan(before?.number ?? 0)
  })

  it('come with a new CA, and stay for one that signs no more', async () => {
    const house = await start()
    const [old] = tree.signers('authority-1')
    const held = await house.join('order')
    const next = await tree.plant('authority-1')
    await until(() => house.status.crls.find(next.id), 'the new CA has a list')
    await house.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    await house.status.crls.refresh()
    const listed = (id = '') =>
      parseCrl(house.status.crls.find(id)?.der ?? Buffer.alloc(0)).revoked.length
    expect([listed(old?.id), listed(next.id)]).toEqual([1, 0])
  })

  it('of a peer are believed by their signature alone, and never go back', async () => {
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const [own, other] = [signerOf(a), signerOf(b)]
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
    await stop(a)
    const again = await start('authority-1')
    expect(numberOf(again, other.id)).toBe(10)
  })

  it('of a root whose key several hold come to be one, and stay so', async () => {
    const houses: House[] = []
    for (const instance of ['authority-1', 'authority-2'])
      houses.push(await start(instance, { holdsRoot: true }))
    const [a, b] = houses
    if (a === undefined || b === undefined) throw new Error('two were started')
    const lines = await link(a, b)
    const lists = () => houses.map(({ status }) => status.crls.find(tree.root.id))
    const isOne = () => new Set(lists().map((crl) => crl?.number)).size === 1
    await until(isOne, 'they have the same list')
    const [old] = tree.signers('authority-2')
    const { serial } = readCertificate(new X509Certificate(old?.certificate ?? '').raw)
    await tree.plant('authority-2')
    await a.revocations.revoke({ serial }, 'cessationOfOperation', 'desk')
    const entries = () => lists().map((crl) => parseCrl(crl?.der ?? Buffer.alloc(0)).revoked)
    await until(() => entries().every(([entry]) => entry?.serial === serial), 'both list it', 2_000)
    await until(isOne, 'they have the same list')
    const settled = lists()[0]?.number
    for (let i = 0; i < 3; i++) await lines.talk()
    for (const { status } of houses) await status.crls.refresh()
    expect(lists().map((crl) => crl?.number)).toEqual([settled, settled])
    lines.cut()
  })

  it('come back from a peer with what a restore forgot', async () => {
    const [a, b] = [await start('authority-1'), await start('authority-2')]
    const lines = await link(a, b)
    const held = await a.join('order')
    await a.revocations.revoke({ serial: held.serial }, 'superseded', 'desk')
    const id = signerOf(a).id
    const entries = (house: House) =>
      parseCrl(house.status.crls.find(id)?.der ?? Buffer.alloc(0)).revoked.map(
        ({ serial }) => serial,
      )
    await until(() => entries(b).includes(held.serial), 'the other has the list')
    const before = numberOf(b, id)
    lines.cut()
    await stop(a)
    const folder = join(temporary.path, 'restored')
    const empty = await start('authority-1', { folder })
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
    const house = await start()
    const door = await openDoor(house)
    const path = `/crl/${signerOf(house).id}.crl`
    const { headers } = await send(door, { path })
    expect(headers['cache-control']).toBe('public, max-age=60, must-revalidate')
    const tag = headers.etag ?? ''
    expect((await send(door, { path, headers: { 'if-none-match': tag } })).status).toBe(304)
    expect((await send(door, { path, method: 'HEAD' })).headers['content-length']).toBe(
      headers['content-length'],
    )
    for (const id of ['0'.repeat(40), 'x', '__proto__', '%2e%2e'])
      expect((await send(door, { path: `/crl/${id}.crl` })).status).toBe(404)
  })
})

function listOf(issuer: StatusIssuer, number: number): Buffer {
  const times = { thisUpdate: Date.now(), nextUpdate: Date.now() + DAY }
  return createCrl({ issuer, number: BigInt(number), ...times, revoked: [] })
}
