import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { DEMO_PEOPLE, ensureCredentials } from './credentials.ts'
import { layoutOf } from './layout.ts'
import { currentLock, takeLock } from './lock.ts'
import { prepareHome } from './prepare.ts'
import { processStart } from './process-time.ts'
import { ensureMasterKey } from './master-key.ts'
import { ensureSecret } from './secrets.ts'
import { wipeHome } from './wipe.ts'

const mode = (path: string): number => statSync(path).mode & 0o777

describe('the state folder', () => {
  test('is for this user alone, and so is every secret in it', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(join(folder.path, 'state'))
    expect(await prepareHome(layout)).toEqual({ firstStart: true })
    await ensureMasterKey(layout, { COUNTERSIGN_MASTER_KEY_FILE: layout.masterKey })
    const secret = await ensureSecret(layout, 'orders')
    const credentials = await ensureCredentials(layout)
    for (const path of [layout.root, layout.pki, layout.run, layout.secrets])
      expect(mode(path)).toBe(0o700)
    for (const path of [layout.masterKey, layout.credentials, secret.file])
      expect(mode(path)).toBe(0o600)
    expect(credentials.map((each) => each.username)).toEqual(DEMO_PEOPLE)
    expect(new Set(credentials.map((each) => each.password)).size).toBe(4)
    expect(await prepareHome(layout)).toEqual({ firstStart: false })
    expect(await ensureCredentials(layout)).toEqual(credentials)
    expect((await ensureSecret(layout, 'orders')).value).toBe(secret.value)
  })

  test('of a newer version is left alone', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(folder.path)
    writeFileSync(layout.version, '{"version":99}')
    await expect(prepareHome(layout)).rejects.toThrow(/newer countersign \(layout 99/)
  })

  test('that is open to others is closed at the first start', async () => {
    using folder = temporaryFolder()
    chmodSync(folder.path, 0o755)
    await prepareHome(layoutOf(folder.path))
    expect(mode(folder.path)).toBe(0o700)
  })

  test.each([
    ['folder', '.', 0o750],
    ['folder', 'pki', 0o711],
    ['folder', 'pki/authority-1', 0o710],
    ['folder', 'run/parts/order-1', 0o770],
    ['file', 'pki/authority-1/authority.db-wal', 0o640],
    ['file', 'pki/master.key', 0o604],
    ['file', 'pki/bundle.pem', 0o666],
    ['file', 'run/secrets/orders.secret', 0o660],
    ['file', 'run/identities/desk/key.pem', 0o640],
    ['file', 'run/parts/identity-1/signing-keys.sealed', 0o644],
    ['file', 'audit/log-key', 0o644],
    ['file', 'postgres/admin.password', 0o644],
    ['file', 'credentials.json', 0o644],
  ])(
    'with a %s %s that is open to others is refused, and left as it is',
    async (kind, path, wide) => {
      using folder = temporaryFolder()
      const layout = layoutOf(folder.path)
      await prepareHome(layout)
      const place = join(folder.path, path)
      mkdirSync(kind === 'folder' ? place : dirname(place), { recursive: true, mode: 0o700 })
      if (kind === 'file') writeFileSync(place, '')
      chmodSync(place, wide)
      const refusal = await prepareHome(layout).catch((error: unknown) => error)
      expect(refusal).toMatchObject({ exitCode: 6, message: expect.stringContaining('others may') })
      expect(mode(place)).toBe(wide)
      // What the message says to do is all that it takes.
      const [, closed = '', named = ''] = /do: chmod ([0-9]+) (.*)$/m.exec(String(refusal)) ?? []
      chmodSync(named, Number.parseInt(closed, 8))
      expect(named).toBe(place)
      await prepareHome(layout)
    },
  )

  test('that is a file is refused with a way out', async () => {
    using folder = temporaryFolder()
    writeFileSync(join(folder.path, 'state'), '')
    await expect(prepareHome(layoutOf(join(folder.path, 'state')))).rejects.toThrow(
      /cannot write the state folder .*\(EEXIST\).*COUNTERSIGN_HOME/s,
    )
  })

  test('never replaces a damaged or a known master key', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(folder.path)
    mkdirSync(layout.pki, { mode: 0o700 })
    for (const bad of ['', 'A'.repeat(43), 'not a key']) {
      writeFileSync(layout.masterKey, bad, { mode: 0o600 })
      await expect(
        ensureMasterKey(layout, { COUNTERSIGN_MASTER_KEY_FILE: layout.masterKey }),
      ).rejects.toThrow(/master key .*countersign down --wipe/s)
      expect(readFileSync(layout.masterKey, 'utf8')).toBe(bad)
    }
  })

  test('has short sockets however deep it lies', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(join(folder.path, 'x'.repeat(120)))
    expect(layout.control.length).toBeLessThan(100)
    await prepareHome(layout)
    expect(mode(layout.sockets)).toBe(0o700)
    await wipeHome(layout, createLog({ service: 'desk', node: 'desk', level: 'silent' }))
    expect(() => statSync(layout.sockets)).toThrow(/ENOENT/)
  })
})

describe('the lock', () => {
  test('is given once, names its holder and can be given back', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(folder.path)
    await prepareHome(layout)
    const release = await takeLock(layout)
    expect(currentLock(layout)?.pid).toBe(process.pid)
    await expect(takeLock(layout)).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(new RegExp(`pid ${process.pid}.*countersign down`, 's')),
    })
    await release()
    expect(currentLock(layout)).toBeUndefined()
    await (await takeLock(layout))()
  })

  test('of a process that was killed is free again, whatever it left behind', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(folder.path)
    await prepareHome(layout)
    const script = `import { DatabaseSync } from 'node:sqlite'
new DatabaseSync(${JSON.stringify(`${layout.lock}.lock`)}).exec('BEGIN EXCLUSIVE')
console.log('held')
setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script])
    await once(child.stdout, 'data')
    await expect(takeLock(layout)).rejects.toMatchObject({ exitCode: 4 })
    child.kill('SIGKILL')
    await once(child, 'exit')
    writeFileSync(layout.lock, JSON.stringify({ pid: process.pid, started: 'x', since: 'x' }))
    expect(currentLock(layout)).toBeUndefined()
    await (await takeLock(layout))()
    writeFileSync(layout.lock, '{')
    await (await takeLock(layout))()
  })

  test('goes to one of many that ask at once', async () => {
    using folder = temporaryFolder()
    const layout = layoutOf(folder.path)
    await prepareHome(layout)
    const won = await Promise.allSettled(Array.from({ length: 20 }, () => takeLock(layout)))
    expect(won.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
  })

  test('knows when a process started, and that one which is over did not', async () => {
    expect(processStart(process.pid)).toBe(processStart(process.pid))
    const { child } = promisify(execFile)('true')
    await new Promise((resolve) => child.once('exit', resolve))
    expect(processStart(child.pid ?? 0)).toBeUndefined()
  })
})
