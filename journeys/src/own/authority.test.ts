import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { readCertificate, writePem } from '@countersign/ground/x509'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enginesAreRequired } from '../config/env.ts'
import type { Ended } from '../support/desk.ts'
import { Door } from '../support/door.ts'
import { type DoorWatch, watchDoor } from '../support/door-watch.ts'
import { askMesh, identityOf, joinWith, mintToken } from '../support/mesh.ts'
import { ownFolder } from '../support/own-folder.ts'
import { type Platform, startPlatform } from '../support/platform.ts'
import { startTraffic } from '../support/traffic.ts'

/*
 * Certificates that never stop the system, on one platform, in this order: revocation, rotations under traffic, an
 * outage of all authorities; then every certificate of the run is read by two strangers. The long runs are
 * `npm run long:rotations`, `long:revocations` and `long:month`.
 */
const run = promisify(execFile)
let platform: Platform
/** Every certificate of an authority that was seen, since retired ones go. PEM, by key id. */
const authorities = new Map<string, string>()

beforeAll(async () => {
  platform = await startPlatform({ env: { COUNTERSIGN_CERTIFICATES_LEAF_TTL: '60s' } })
  noteAuthorities()
})
afterAll(() => platform?.stop('--wipe'))

describe('a certificate that is taken back', () => {
  test('is refused by every door: open connections, handshakes, sessions', async () => {
    const doors = (await platform.processes()).map(({ name, port }) => ({ name, port }))
    const authority = doors.find(({ name }) => name === 'authority-1')?.port ?? 0
    const desk = identityOf(platform.home, 'desk')
    const token = await mintToken(platform.home, authority, 'order')
    const wanted = { name: 'order', trustDomain: 'countersign.local', joinPort: await joinPort() }
    const stolen = await joinWith(token, { ...wanted, ca: desk.ca })
    const watches = await Promise.all(doors.map((door) => watchDoor(door, stolen)))
    const revoked = await askMesh(authority, desk, {
      path: '/v1/revocations',
      body: { of: { serial: stolen.serial }, reason: 'keyCompromise' },
    })
    expect(revoked.status, JSON.stringify(revoked.json)).toBe(201)
    // How long it takes is measured by `npm run long:revocations`: here the machine may be busy.
    await expect
      .poll(() => watches.every((watch) => refusesAll(watch)), { timeout: 10_000 })
      .toBe(true)
    await new Promise((done) => setTimeout(done, 500))
    for (const watch of watches) {
      const { name, reopened } = watch
      watch.close()
      expect(reopened, name).toBe(0)
    }
    const again = await askMesh(authority, desk, {
      path: '/v1/revocations',
      body: { of: { serial: stolen.serial } },
    })
    expect(again.status).toBeGreaterThanOrEqual(400)
  })

  test('of a service that runs: it is back by itself, with another one', async () => {
    const pid = async () =>
      (await platform.processes()).find(
        ({ name, health }) => name === 'user-1' && health === 'ready',
      )?.pid
    const before = await pid()
    const ended = await platform.desk('cert', 'revoke', 'user', '--yes')
    expect(ended.code, ended.stderr).toBe(0)
    await expect.poll(pid, { timeout: 15_000 }).toSatisfy((now) => now && now !== before)
  })
})

describe('rotation under traffic', () => {
  test('replaces the intermediates and then the root, and no request fails', async () => {
    const before = await rootsOf()
    const knowsOnlyTheOldRoot = new Door(platform.publicPort, platform.bundle())
    const traffic = await startTraffic(platform, { readsPerSecond: 20 })
    for (const kind of ['rotate-intermediate', 'rotate-root']) {
      const ended = await platform.desk('cert', kind, '--timeout', '2m')
      expect(ended.code, `${kind}: ${ended.stdout}${ended.stderr}`).toBe(0)
      noteAuthorities()
    }
    await traffic.stop()
    expect(traffic.failures).toEqual([])
    expect(traffic.sent()).toBeGreaterThan(100)
    const after = await rootsOf()
    expect(after).toHaveLength(1)
    expect(before).not.toContain(after[0])
    // A client outside that nobody can tell: the new root's key is signed by the old one.
    expect(platform.bundle()).not.toBe(knowsOnlyTheOldRoot.ca)
    expect((await knowsOnlyTheOldRoot.ask({ path: '/auth/jwks' })).status).toBe(200)
    knowsOnlyTheOldRoot.close()
  })

  test('keeps the old root while a stopped workload may need it, and names it', async () => {
    const before = await rootsOf()
    const pid = (await platform.processes()).find(({ name }) => name === 'user-1')?.pid ?? 0
    const step = (...words: string[]) => platform.desk('cert', 'rotate-root', '--step', ...words)
    const taken = (...words: string[]) =>
      expect
        .poll(async () => (await step(...words)).code, { timeout: 60_000, interval: 500 })
        .toBe(0)
    await taken('prepare')
    noteAuthorities()
    // It has shown that it trusts the new root, and shows a certificate of the old one.
    await taken('activate', '--dry-run')
    process.kill(pid, 'SIGSTOP')
    try {
      await taken('activate')
      await expect
        .poll(async () => namesIn(await step('retire')), { timeout: 50_000, interval: 1_000 })
        .toEqual(['user-1'])
      expect(await rootsOf()).toEqual(expect.arrayContaining([...before]))
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await taken('retire')
    noteAuthorities()
    expect(await rootsOf()).toHaveLength(1)
  })
})

describe('all authorities down', () => {
  test('for a part of a life: no request fails, and a new workload is told why it cannot join', async () => {
    // Half of a life less the time in which a busy machine starts them; `npm run long:rotations` waits for all of it.
    const names = ['authority-1', 'authority-2']
    // Who was stopped may be avoided by its callers for a few seconds more.
    const logsIn = () => platform.token('customer').then(Boolean, () => false)
    await expect.poll(logsIn, { timeout: 20_000 }).toBe(true)
    const traffic = await startTraffic(platform, { readsPerSecond: 20 })
    for (const name of names) expect((await platform.desk('down', name)).code).toBe(0)
    const began = Date.now()
    const folder = ownFolder()
    const main = join(folder, 'main.ts')
    writeFileSync(main, 'console.log("joined")')
    const joining = await platform.desk('run', main, '--name', 'newcomer')
    expect(joining.code).not.toBe(0)
    expect(joining.stderr + joining.stdout).toMatch(/no authority/)
    await new Promise((done) => setTimeout(done, 14_000 - (Date.now() - began)))
    for (const name of names) expect((await platform.desk('up', name)).code).toBe(0)
    await new Promise((done) => setTimeout(done, 4_000))
    await traffic.stop()
    expect(traffic.failures).toEqual([])
  })
})

const hasVerifiers = ['openssl', 'certtool', 'faketime'].every((name) =>
  existsSync(join('/usr/bin', name)),
)

describe('every certificate of this run', () => {
  test('is accepted by openssl verify -x509_strict and by certtool --verify-chain', async (context) => {
    if (!hasVerifiers && !enginesAreRequired())
      return context.skip('openssl, certtool or faketime is not installed')
    noteAuthorities()
    const leaves = issuedLeaves()
    expect(leaves.length).toBeGreaterThan(20)
    const folder = ownFolder()
    const kinds = new Set<string>()
    for (const { kind } of leaves) kinds.add(kind)
    // Two at a time: there are hundreds.
    const left = [...leaves.entries()]
    const verifyRest = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift())
        await verifyBoth(next[1], join(folder, String(next[0])))
    }
    await Promise.all([verifyRest(), verifyRest()])
    expect([...kinds].toSorted()).toEqual(['join', 'public-door', 'renew', 'self'])
  })
})

const refusesAll = ({ cutAt, refusedAt, resumptionRefusedAt }: DoorWatch): boolean =>
  [cutAt, refusedAt, resumptionRefusedAt].every((when) => when !== undefined)

/** By OpenSSL and by GnuTLS, at a time within its life: the short ones have ended by now. `path`: for its files. */
async function verifyBoth({ pem, issuer, kind, notBefore }: Leaf, path: string): Promise<void> {
  const intermediate = authorities.get(issuer)
  const root = authorities.get(rootOf(intermediate ?? ''))
  expect(intermediate && root, `issuer ${issuer} of ${kind}`).toBeTruthy()
  const file = (name: string, text: string): string => {
    writeFileSync(`${path}-${name}.pem`, text)
    return `${path}-${name}.pem`
  }
  const when = Math.ceil(notBefore / 1_000) + 31
  const { stdout } = await run('openssl', [
    ...['verify', '-x509_strict', '-attime', String(when), '-CAfile', file('root', root ?? '')],
    ...['-untrusted', file('middle', intermediate ?? ''), file('leaf', pem)],
  ])
  expect(stdout.trim()).toMatch(/: OK$/)
  const whole = file('chain', pem + intermediate + root)
  // certtool takes no time; it is given another clock.
  await run('faketime', [`@${when}`, 'certtool', '--verify-chain', '--infile', whole])
}

async function rootsOf(): Promise<readonly string[]> {
  const { roots } = await platform.json<{ roots: readonly { id: string }[] }>('cert', 'ls')
  return roots.map(({ id }) => id)
}

/** The instances that a refused step names. */
function namesIn({ code, stdout, stderr }: Ended): readonly string[] {
  if (code === 0) return ['nobody: the step was taken']
  return [...new Set((stdout + stderr).match(/\b[a-z]+-[0-9]\b/g))]
}

/** The join door of an authority: `countersign run` tells it to whom it starts. */
async function joinPort(): Promise<number> {
  const main = join(ownFolder(), 'main.mjs')
  writeFileSync(main, 'console.log(process.env.COUNTERSIGN_JOIN)')
  const ended = await platform.desk('run', main, '--name', 'lookout')
  return Number(/127\.0\.0\.1:([0-9]+)/.exec(ended.stdout)?.[1])
}

function rootOf(intermediate: string): string {
  return readCertificate(new X509Certificate(intermediate).raw).authorityKeyId ?? ''
}

function noteAuthorities(): void {
  const pki = join(platform.home, 'pki')
  const trust = JSON.parse(readFileSync(join(pki, 'trust.json'), 'utf8'))
  for (const { id, certificate } of trust.roots.entries) authorities.set(id, certificate)
  for (const { entries } of Object.values<any>(trust.authorities))
    for (const { id, certificate } of entries) authorities.set(id, certificate)
}

interface Leaf {
  readonly pem: string
  readonly issuer: string
  readonly kind: string
  readonly notBefore: number
}
function issuedLeaves(): readonly Leaf[] {
  const pki = join(platform.home, 'pki')
  return readdirSync(pki)
    .filter((name) => existsSync(join(pki, name, 'authority.db')))
    .flatMap((name) => {
      using db = new DatabaseSync(join(pki, name, 'authority.db'), { readOnly: true })
      const rows = db
        .prepare("SELECT certificate, issuer, kind, not_before FROM issued WHERE state = 'issued'")
        .all() as { certificate: Uint8Array; issuer: string; kind: string; not_before: number }[]
      return rows.map((row) => ({
        ...{ pem: writePem(row.certificate, 'CERTIFICATE'), issuer: row.issuer, kind: row.kind },
        notBefore: row.not_before,
      }))
    })
}
