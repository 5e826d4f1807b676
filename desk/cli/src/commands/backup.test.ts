import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { layoutOf } from '../home/layout.ts'
import { takeLock } from '../home/lock.ts'
import { prepareHome } from '../home/prepare.ts'
import { runLineIn } from '../testing/run-line.ts'

const PASSPHRASE = 'correct horse battery staple'

/** A state that was started before, a passphrase beside it, and a desk for both. */
async function setUp(folder: string, env: Record<string, string> = {}) {
  const layout = layoutOf(join(folder, 'state'))
  await prepareHome(layout)
  writeFileSync(layout.credentials, 'people', { mode: 0o600 })
  writeFileSync(join(folder, 'secret'), `${PASSPHRASE}\n`, { mode: 0o600 })
  const run = async (line: string, home = layout.root) => {
    const ran = await runLineIn(folder, line, { env: { ...env, COUNTERSIGN_HOME: home } })
    expect(ran.out + ran.notes).not.toContain(PASSPHRASE)
    return ran
  }
  return { layout, run, other: join(folder, 'other') }
}

describe('countersign backup and restore', () => {
  test('go from one folder to another, and say how old what they bring is', async () => {
    using folder = temporaryFolder()
    const { run, other } = await setUp(folder.path)
    const backup = await run('backup file --passphrase-file secret --json')
    expect(backup.code, backup.notes).toBe(0)
    expect(JSON.parse(backup.out)).toMatchObject({ ok: true, outside: [] })
    const check = await run('restore file --check --passphrase-file secret', other)
    expect(check).toMatchObject({ code: 0, out: expect.stringContaining('is whole') })
    expect(existsSync(other)).toBe(false)
    const restore = await run('restore file --passphrase-file secret', other)
    expect(restore).toMatchObject({
      code: 0,
      out: expect.stringMatching(/as of 20.*\([0-9]+ s ago\)/),
    })
    expect(restore.notes).toContain('countersign up')
    expect(readFileSync(layoutOf(other).credentials, 'utf8')).toBe('people')
    expect((await run('restore file --passphrase-file secret', other)).code).toBe(6)
    expect((await run('backup file --passphrase-file secret')).code).toBe(1)
  })

  test('wait for the platform to be down', async () => {
    using folder = temporaryFolder()
    const { layout, run } = await setUp(folder.path)
    const release = await takeLock(layout)
    const { code, notes } = await run('backup file --passphrase-file secret')
    await release()
    expect(code).toBe(4)
    expect(notes).toContain('countersign down')
    expect(existsSync(join(folder.path, 'file'))).toBe(false)
    expect((await run('backup file --passphrase-file secret')).code).toBe(0)
  })

  test('want a passphrase that others cannot read, and take it from the environment too', async () => {
    using folder = temporaryFolder()
    const { run } = await setUp(folder.path)
    expect(await run('backup file')).toMatchObject({
      code: 2,
      notes: expect.stringContaining('--passphrase-file'),
    })
    writeFileSync(join(folder.path, 'open'), PASSPHRASE, { mode: 0o644 })
    expect(await run('backup file --passphrase-file open')).toMatchObject({
      code: 5,
      notes: expect.stringContaining('chmod 600'),
    })
    using other = temporaryFolder()
    const named = await setUp(other.path, {
      COUNTERSIGN_BACKUP_PASSPHRASE_FILE: join(other.path, 'secret'),
    })
    expect((await named.run('backup file')).code).toBe(0)
  })

  test('do not put a backup where it would go with what it is of', async () => {
    using folder = temporaryFolder()
    const { run } = await setUp(folder.path)
    const { code, notes } = await run('backup state/run/file --passphrase-file secret')
    expect(code).toBe(2)
    expect(notes).toContain('another place')
    expect((await run('backup no/file --passphrase-file secret')).code).toBe(6)
    expect((await run('backup file --passphrase-file secret', join(folder.path, 'no'))).code).toBe(
      1,
    )
  })

  test('name what is not in the state folder', async () => {
    using folder = temporaryFolder()
    const { run } = await setUp(folder.path, {
      COUNTERSIGN_DATABASES_ORDERS: 'postgres://db.example/orders',
      COUNTERSIGN_MASTER_PASSPHRASE_FILE: join(folder.path, 'secret'),
    })
    const { outside } = JSON.parse((await run('backup file --passphrase-file secret --json')).out)
    expect(outside).toEqual([
      expect.stringContaining('databases.orders'),
      `${join(folder.path, 'secret')} (COUNTERSIGN_MASTER_PASSPHRASE_FILE)`,
    ])
  })
})
