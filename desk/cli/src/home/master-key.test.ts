import { copyFileSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createMasterKey } from '@countersign/ground/seal'
import { temporaryFolder } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../config/config.ts'
import { DeskError } from '../errors.ts'
import { layoutOf } from './layout.ts'
import { ensureMasterKey, masterKeyEnv } from './master-key.ts'
import { prepareHome } from './prepare.ts'

const PASSPHRASE = 'seven quiet herons over cold water'

async function setUp(folder: string) {
  const layout = layoutOf(join(folder, 'state'))
  await prepareHome(layout)
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }
  const open = (env: Record<string, string> = {}) =>
    ensureMasterKey(layout, masterKeyEnv(readConfig(env, folder), { layout, env: {} }))
  return { layout, file, open }
}

describe('the master key', () => {
  test('lies in a file where nothing else is said', async () => {
    using folder = temporaryFolder()
    const { layout, open } = await setUp(folder.path)
    const key = await open()
    expect(statSync(layout.masterKey).mode & 0o777).toBe(0o600)
    expect((await open()).equals(key)).toBe(true)
  })

  test('moves under a passphrase when one is configured, and its plain file goes', async () => {
    using folder = temporaryFolder()
    const { layout, open, file } = await setUp(folder.path)
    const key = await open()
    copyFileSync(layout.masterKey, join(folder.path, 'copy'))
    const env = { COUNTERSIGN_MASTER_PASSPHRASE_FILE: file('passphrase', PASSPHRASE) }
    expect((await open(env)).equals(key)).toBe(true)
    expect(existsSync(layout.masterKey)).toBe(false)
    expect(statSync(layout.masterKeyUnderPassphrase).mode & 0o777).toBe(0o600)
    // As a crash between the two steps leaves it.
    copyFileSync(join(folder.path, 'copy'), layout.masterKey)
    expect((await open(env)).equals(key)).toBe(true)
    expect(existsSync(layout.masterKey)).toBe(false)
  })

  test('is not made a second time where the configuration forgets the passphrase', async () => {
    using folder = temporaryFolder()
    const { layout, open, file } = await setUp(folder.path)
    await open({ COUNTERSIGN_MASTER_PASSPHRASE_FILE: file('passphrase', PASSPHRASE) })
    await expect(open()).rejects.toMatchObject({
      exitCode: 6,
      message: expect.stringContaining(layout.masterKeyUnderPassphrase),
    })
    expect(existsSync(layout.masterKey)).toBe(false)
  })

  test('is refused where the passphrase is another, and where two keys are there', async () => {
    using folder = temporaryFolder()
    const { layout, open, file } = await setUp(folder.path)
    const env = { COUNTERSIGN_MASTER_PASSPHRASE_FILE: file('passphrase', PASSPHRASE) }
    await open(env)
    const wrong = { COUNTERSIGN_MASTER_PASSPHRASE_FILE: file('wrong', `${PASSPHRASE} not`) }
    await expect(open(wrong)).rejects.toBeInstanceOf(DeskError)
    await createMasterKey(layout.masterKey)
    await expect(open(env)).rejects.toThrow(/different master keys/)
    expect(existsSync(layout.masterKey)).toBe(true)
  })

  test('can lie at another place, and is not made anew where it has gone', async () => {
    using folder = temporaryFolder()
    const { layout, open } = await setUp(folder.path)
    const elsewhere = { COUNTERSIGN_MASTER_KEY_FILE: join(folder.path, 'elsewhere.key') }
    const key = await open(elsewhere)
    expect(existsSync(layout.masterKey)).toBe(false)
    expect((await open(elsewhere)).equals(key)).toBe(true)
    writeFileSync(layout.bundle, 'the roots of a state that was sealed')
    rmSync(elsewhere.COUNTERSIGN_MASTER_KEY_FILE)
    for (const env of [elsewhere, {}])
      await expect(open(env as Record<string, string>)).rejects.toThrow(/was sealed before/)
  })

  test('can be opened by a key service, which the processes that seal are told of', async () => {
    using folder = temporaryFolder()
    const { layout, open, file } = await setUp(folder.path)
    const local = join(folder.path, 'service.key')
    await createMasterKey(local)
    const env = { COUNTERSIGN_KMS: 'local', COUNTERSIGN_KMS_LOCAL_KEY_FILE: local }
    const key = await open(env)
    expect((await open(env)).equals(key)).toBe(true)
    expect(statSync(layout.masterKeyInKms).mode & 0o777).toBe(0o600)
    const token = {
      COUNTERSIGN_KMS: 'pkcs11',
      COUNTERSIGN_KMS_MODULE: file('module.so', ''),
      COUNTERSIGN_KMS_TOKEN: 'countersign',
      COUNTERSIGN_KMS_KEY_ID: '01',
      COUNTERSIGN_KMS_PIN_FILE: file('pin', '1234'),
    }
    const facts = { layout, env: { SOFTHSM2_CONF: '/etc/softhsm2.conf', OTHER: 'x' } }
    expect(masterKeyEnv(readConfig(token, folder.path), facts)).toEqual({
      ...token,
      COUNTERSIGN_KMS_WRAPPED_FILE: layout.masterKeyInKms,
      SOFTHSM2_CONF: '/etc/softhsm2.conf',
    })
  })
})
