import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { desk } from '../support/desk.ts'
import { anOrder } from '../support/door.ts'
import { type Platform, startPlatform } from '../support/platform.ts'

/*
 * The machine is gone, and all that is left is one file and a passphrase. The platform is brought back in another
 * folder, where nothing was before, and goes on. The tests run in their order.
 */
const safe = temporaryFolder('csr-')
const file = join(safe.path, 'countersign.backup')
const passphrase = ['--passphrase-file', join(safe.path, 'passphrase')]
const home = join(safe.path, 'new', 'state')
let platform: Platform
/** What was there before. */
let before: {
  readonly order: { readonly id: string; readonly totalMinor: number; readonly paymentId: string }
  readonly token: string
  readonly credentials: string
  readonly auditKey: string
  readonly bundle: string
  readonly chain: string
  readonly serials: readonly string[]
  readonly revoked: string
}

const serialOf = (pem: string) =>
  new X509Certificate(pem).serialNumber.toLowerCase().replace(/^0+/, '')
const read = (...path: string[]) => readFileSync(join(platform.home, ...path), 'utf8')
const onRecord = async (): Promise<{ serial: string; revokedAt?: number }[]> =>
  (await platform.json('cert', 'ls', '--all')).certificates

beforeAll(async () => {
  writeFileSync(passphrase[1] ?? '', 'correct horse battery staple\n', { mode: 0o600 })
  platform = await startPlatform()
  const token = await platform.token('customer')
  const placed = await platform.ask({ path: '/orders', token, body: anOrder() })
  expect(placed.status, placed.text).toBe(201)
  const revoked = serialOf(read('run/identities/prometheus/cert.pem'))
  const taken = await platform.desk('cert', 'revoke', revoked, '--yes')
  expect(taken.code, taken.stderr).toBe(0)
  before = {
    order: placed.json,
    token,
    credentials: read('credentials.json'),
    auditKey: read('audit-key.txt'),
    bundle: read('pki/bundle.pem'),
    chain: read('run/identities/desk/cert.pem'),
    serials: (await onRecord()).map(({ serial }) => serial),
    revoked,
  }
})
afterAll(async () => {
  await platform?.stop('--wipe')
  safe[Symbol.dispose]()
})

describe('a backup', () => {
  test('waits until the platform is down', async () => {
    const ended = await platform.desk('backup', file, ...passphrase)
    expect(ended.code).toBe(4)
    expect(ended.stderr).toContain('countersign down')
    expect(existsSync(file)).toBe(false)
  })

  test('is one file that shows nothing of what is in it, and the machine can go', async () => {
    expect((await platform.stop()).code).toBe(0)
    const { bytes, fileBytes, outside } = await platform.json('backup', file, ...passphrase)
    expect(bytes).toBeGreaterThan(fileBytes)
    expect(outside).toEqual([])
    const text = readFileSync(file, 'latin1')
    for (const { password } of JSON.parse(before.credentials)) expect(text).not.toContain(password)
    expect(text).not.toContain('PRIVATE KEY')
    const wiped = await platform.desk('down', '--wipe')
    expect(wiped.code, wiped.stderr).toBe(0)
    expect(existsSync(platform.home)).toBe(false)
  })
})

describe('a restore', () => {
  test('brings everything back in another folder, and the platform goes on there', async () => {
    const { env, publicPort } = platform
    const restored = await desk(['restore', file, ...passphrase], { home, env, cwd: safe.path })
    expect(restored.code, restored.stderr).toBe(0)
    platform = await startPlatform({ home, publicPort })
    const notReady = async () =>
      (await platform.processes()).filter(({ health }) => health !== 'ready')
    await expect.poll(notReady, { timeout: 30_000 }).toEqual([])
  })

  test('a second one does not mix with it', async () => {
    const again = await platform.desk('restore', file, ...passphrase)
    expect(again.code).toBe(6)
    expect(again.stderr).toContain('not empty')
  })

  test('people log in as before, and find their orders', async () => {
    expect(read('credentials.json')).toBe(before.credentials)
    const token = await platform.token('customer')
    const order = await platform.ask({ path: `/orders/${before.order.id}`, token })
    expect(order.json, order.text).toMatchObject({ totalMinor: before.order.totalMinor })
    const admin = await platform.token('admin')
    const payment = await platform.ask({
      path: `/payments/${before.order.paymentId}`,
      token: admin,
    })
    expect(payment.json, payment.text).toMatchObject({ status: 'captured' })
    const next = await platform.ask({ path: '/orders', token, body: anOrder() })
    expect(next.status, next.text).toBe(201)
  })

  test('tokens of before are believed: the keys that signed them are the same', async () => {
    const order = await platform.ask({ path: `/orders/${before.order.id}`, token: before.token })
    expect(order.status, order.text).toBe(200)
  })

  test('the audit log is the same one, whole, and goes on', async () => {
    expect(read('audit-key.txt')).toBe(before.auditKey)
    const key = before.auditKey.trim()
    const { ok } = await platform.json('audit', 'verify', '--key', key)
    expect(ok).toBe(true)
  })

  test('who trusted the platform trusts it now, and certificates of before verify', async () => {
    expect(read('pki/bundle.pem')).toBe(before.bundle)
    const [leaf, intermediate] = before.chain
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter((pem) => pem.includes('BEGIN'))
      .map((pem) => new X509Certificate(pem))
    const root = new X509Certificate(read('pki/bundle.pem'))
    if (leaf === undefined || intermediate === undefined) throw new Error('the chain is too short')
    expect(leaf.verify(intermediate.publicKey) && leaf.checkIssued(intermediate)).toBe(true)
    expect(intermediate.verify(root.publicKey) && intermediate.checkIssued(root)).toBe(true)
    expect(await authorised(platform.publicPort, before.bundle)).toBe(true)
  })

  test('what was issued is on record, no serial twice, and what was revoked stays revoked', async () => {
    const now = await onRecord()
    const serials = now.map(({ serial }) => serial)
    expect(new Set(serials).size).toBe(serials.length)
    expect(serials).toEqual(expect.arrayContaining([...before.serials]))
    expect(serials.length).toBeGreaterThan(before.serials.length)
    const revoked = now.find(({ serial }) => serial === before.revoked)
    expect(revoked?.revokedAt).toBeLessThan(Date.now())
  })
})

/** Whether the public door shows a certificate that these roots stand for. */
function authorised(port: number, ca: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', ca }, () => {
      resolve(socket.authorized)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
