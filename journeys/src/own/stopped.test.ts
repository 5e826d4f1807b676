import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { openPostgres } from '@countersign/ground/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anOrder } from '../support/door.ts'
import { type Platform, startPlatform } from '../support/platform.ts'

/*
 * What holds while a service is stopped, while everything is, and afterwards. One platform for all of it; the tests
 * run in their order.
 */
let platform: Platform
let placed: { readonly id: string; readonly totalMinor: number; readonly paymentId: string }

beforeAll(async () => {
  platform = await startPlatform()
  const token = await platform.token('customer')
  const answer = await platform.ask({ path: '/orders', token, body: anOrder() })
  expect(answer.status, answer.text).toBe(201)
  placed = answer.json
})
afterAll(() => platform?.stop('--wipe'))

describe('while payment hangs', () => {
  test('the tour ends in time, and names the hop that is broken', async () => {
    const pid = (await platform.processes()).find((each) => each.name === 'payment-1')?.pid ?? 0
    expect(pid).toBeGreaterThan(1)
    process.kill(pid, 'SIGSTOP')
    // It ends while payment still hangs, by its own bounds: who does not is killed, and has no code.
    const ended = await platform.desk('tour', '--json').finally(() => process.kill(pid, 'SIGCONT'))
    expect(ended.code).toBe(1)
    const { ok, broken, hops } = JSON.parse(ended.stdout)
    expect(ok).toBe(false)
    expect(broken).toMatch(/^hop 4, order to payment: /)
    // What came before is proven all the same.
    expect(hops.map((hop: { proof: unknown }) => hop.proof !== null).slice(0, 4)).toEqual([
      true,
      true,
      true,
      false,
    ])
  })
})

describe("a service's role at PostgreSQL", () => {
  const OWN = { order: 'orders', user: 'users', identity: 'identity' } as const
  const urlOf = (service: keyof typeof OWN): URL =>
    new URL(
      readFileSync(
        join(platform.home, `run/secrets/${service}-database-url.secret`),
        'utf8',
      ).trim(),
    )
  const open = (url: URL) => openPostgres({ url: url.href, applicationName: 'journey' })

  test.each(['order', 'user', 'identity'] as const)(
    'of %s reaches its own database and no other',
    async (service) => {
      const url = urlOf(service)
      const { pool, proof } = await open(url)
      expect(proof).toMatchObject({ database: OWN[service], transport: 'unix socket' })
      const { rows } = await pool.query(
        `select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as mighty,
                (select count(*)::int from pg_auth_members m where m.member = r.oid) as groups
         from pg_roles r where rolname = current_user`,
      )
      expect(rows).toEqual([{ mighty: false, groups: 0 }])
      await expect(pool.query("select pg_read_file('PG_VERSION')")).rejects.toMatchObject({
        code: '42501',
      })
      await pool.end()
      for (const database of [...Object.values(OWN), 'postgres', 'template1']) {
        if (database === OWN[service]) continue
        const other = new URL(url)
        other.pathname = `/${database}`
        // PostgreSQL's code for a right that is missing.
        await expect(open(other), database).rejects.toMatchObject({ code: '42501' })
      }
    },
  )

  test('is nobody without its password, or with that of another', async () => {
    for (const password of ['', 'guess', urlOf('user').password]) {
      const url = urlOf('order')
      url.password = password
      await expect(open(url)).rejects.toThrow()
    }
  })
})

describe('after down', () => {
  const folder = (): string => join(platform.home, 'audit')
  const verify = () => platform.desk('audit', 'verify', '--json')
  beforeAll(async () => {
    // Enough entries for a full bundle, and so for a tile above it.
    const asked = Array.from({ length: 280 }, () => platform.ask({ path: '/orders' }))
    expect((await Promise.all(asked)).every((answer) => answer.status === 401)).toBe(true)
    expect((await platform.stop()).code).toBe(0)
  })

  test('audit verify names every file of the log in which one bit is flipped, and no other', async () => {
    const whole = await verify()
    expect(whole.code, whole.stdout).toBe(0)
    const paths = ['checkpoint', ...files(join(folder(), 'tile'))]
    for (const kind of [/^tile\/entries\/000$/, /^tile\/0\/000$/, /^tile\/1\/000\.p\/[0-9]+$/])
      expect(paths.filter((path) => kind.test(path))).toHaveLength(1)
    for (const path of paths) {
      const file = join(folder(), path)
      const bytes = readFileSync(file)
      const at = Math.floor(bytes.length / 2)
      const flipped = Buffer.from(bytes)
      flipped[at] = (bytes[at] ?? 0) ^ 0x10
      writeFileSync(file, flipped)
      const { code, stdout } = await verify()
      writeFileSync(file, bytes)
      expect(code, path).toBe(1)
      expect(JSON.parse(stdout), path).toMatchObject({
        ok: false,
        faults: faultAt(path, bytes, at),
      })
    }
    expect((await verify()).code).toBe(0)
  })

  test('and says it to people with the number of the entry', async () => {
    const file = join(folder(), 'tile/entries/000')
    const bytes = readFileSync(file)
    const at = bytes.indexOf('"action"')
    writeFileSync(file, bytes.with(at + 1, 0x41))
    const { code, stdout } = await platform.desk('audit', 'verify')
    writeFileSync(file, bytes)
    expect(code).toBe(1)
    expect(stdout).toContain(`entry ${entryAt(bytes, at)} (tile/entries/000)`)
  })

  test('up brings back what was there', async () => {
    const { home, publicPort } = platform
    platform = await startPlatform({ home, publicPort })
    const token = await platform.token('customer')
    const read = await platform.ask({ path: `/orders/${placed.id}`, token })
    expect(read.status, read.text).toBe(200)
    expect(read.json.totalMinor).toBe(placed.totalMinor)
    const payment = await platform.ask({
      path: `/payments/${placed.paymentId}`,
      token: await platform.token('admin'),
    })
    expect(payment.json, payment.text).toMatchObject({ orderId: placed.id, status: 'captured' })
  })

  /** Paths of all files below, as the log calls them. */
  function files(below: string): string[] {
    return readdirSync(below, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(folder(), join(entry.parentPath, entry.name)))
  }
})

function faultAt(path: string, bytes: Buffer, at: number): object[] {
  if (path === 'checkpoint') return [{ kind: 'checkpoint' }]
  const bundle = /^tile\/entries\/([0-9]{3})/.exec(path)?.[1]
  if (bundle === undefined) return [{ kind: 'tile', path }]
  return [{ kind: 'entry', path, index: Number(bundle) * 256 + entryAt(bytes, at) }]
}

/** Which entry of a bundle a byte belongs to: each begins with its length, as uint16 (C2SP tlog-tiles). */
function entryAt(bundle: Buffer, offset: number): number {
  let entry = 0
  for (let at = 0; ; entry++) {
    at += 2 + bundle.readUInt16BE(at)
    if (offset < at) return entry
  }
}
