import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError } from '../config/index.ts'
import { temporaryFolder } from '../testkit/index.ts'
import { hasSoftHsm, softHsm } from './kms/softhsm.fixture.ts'
import { createMasterKey, newMasterKey, readMasterKey } from './master-key.ts'
import { masterKeyFrom, masterKeySource } from './master-key-source.ts'

type Env = Record<string, string>
const PASSPHRASE = 'correct horse battery staple'
let folder: ReturnType<typeof temporaryFolder>
const at = (name: string) => join(folder.path, name)
beforeEach(() => {
  folder = temporaryFolder()
  writeFileSync(at('passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 })
})
afterEach(() => folder[Symbol.dispose]())

const passphraseEnv = (): Env => ({
  COUNTERSIGN_MASTER_PASSPHRASE_FILE: at('passphrase'),
  COUNTERSIGN_MASTER_KDF_FILE: at('master.argon2.json'),
})
const localEnv = (): Env => ({
  COUNTERSIGN_KMS: 'local',
  COUNTERSIGN_KMS_LOCAL_KEY_FILE: at('kms.key'),
  COUNTERSIGN_KMS_WRAPPED_FILE: at('master.wrapped.json'),
})
const tokenEnv = (): Env => {
  const token = softHsm(folder.path, ['0a'])
  return {
    COUNTERSIGN_KMS: 'pkcs11',
    COUNTERSIGN_KMS_MODULE: token.module,
    COUNTERSIGN_KMS_TOKEN: token.token,
    COUNTERSIGN_KMS_KEY_ID: token.keyId,
    COUNTERSIGN_KMS_PIN_FILE: token.pinFile,
    COUNTERSIGN_KMS_WRAPPED_FILE: at('master.wrapped.json'),
    PATH: token.env.PATH ?? '',
    SOFTHSM2_CONF: token.env.SOFTHSM2_CONF ?? '',
  }
}
function mistakesOf(env: Env): readonly string[] {
  try {
    masterKeyFrom(env)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    expect(inspect(error)).not.toContain(PASSPHRASE)
    return (error as ConfigError).mistakes
  }
  throw new Error('nothing was thrown')
}

describe('a master key', () => {
  it('is found in a file, or its value is', async () => {
    const key = await createMasterKey(at('master.key'))
    const file = { COUNTERSIGN_MASTER_KEY_FILE: at('master.key') }
    expect(masterKeyFrom(file).equals(key)).toBe(true)
    const value = { COUNTERSIGN_MASTER_KEY: readFileSync(at('master.key'), 'utf8').trim() }
    expect(masterKeyFrom(value).equals(key)).toBe(true)
    for (const env of [
      {},
      { COUNTERSIGN_MASTER_KEY: 'short' },
      { COUNTERSIGN_MASTER_KEY_FILE: '/nowhere' },
    ])
      expect(mistakesOf(env)).toHaveLength(1)
  })

  const places = [
    { name: 'under a passphrase', env: passphraseEnv, file: 'master.argon2.json', there: true },
    { name: 'by a key file', env: localEnv, file: 'master.wrapped.json', there: true },
    {
      name: 'by a token of SoftHSM',
      env: tokenEnv,
      file: 'master.wrapped.json',
      there: hasSoftHsm,
    },
  ]
  for (const { name, env, file, there } of places) {
    it.skipIf(!there)(`is kept sealed ${name}, made once, for its owner only`, async () => {
      await createMasterKey(at('kms.key'))
      const settings = env()
      const key = await masterKeySource(settings).create()
      expect(masterKeyFrom(settings).equals(key)).toBe(true)
      expect(masterKeyFrom(settings).equals(readMasterKey(at('kms.key')))).toBe(false)
      const text = readFileSync(at(file), 'utf8')
      expect(text).not.toContain(key.export().toString('base64url'))
      expect(text).not.toContain(PASSPHRASE)
      expect(statSync(at(file)).mode & 0o777).toBe(0o600)
      await expect(masterKeySource(settings).create()).rejects.toMatchObject({ code: 'KEY_FILE' })
      expect(masterKeyFrom(settings).equals(key)).toBe(true)
      chmodSync(at(file), 0o644)
      expect(mistakesOf(settings)).toEqual([expect.stringContaining(`chmod 600 ${at(file)}`)])
    })
  }

  it('that was kept elsewhere can move under a passphrase, and to a key service', async () => {
    const key = newMasterKey()
    await createMasterKey(at('kms.key'))
    for (const env of [passphraseEnv(), localEnv()]) {
      await masterKeySource(env).create(key)
      expect(masterKeyFrom(env).equals(key)).toBe(true)
    }
  })

  it('is told from a wrong passphrase at once', async () => {
    await masterKeySource(passphraseEnv()).create()
    writeFileSync(at('passphrase'), 'another long passphrase')
    expect(mistakesOf(passphraseEnv())).toEqual([
      'this is not the passphrase that it was sealed with',
    ])
    const { COUNTERSIGN_MASTER_KDF_FILE = '' } = passphraseEnv()
    const value = { COUNTERSIGN_MASTER_KDF_FILE, COUNTERSIGN_MASTER_PASSPHRASE: PASSPHRASE }
    expect(masterKeyFrom(value).symmetricKeySize).toBe(32)
  })

  it('is not made of a file that was damaged or is of another kind', async () => {
    await createMasterKey(at('kms.key'))
    await masterKeySource(localEnv()).create()
    for (const text of [
      '',
      '{',
      '[]',
      '{"version":2}',
      readFileSync(at('master.wrapped.json'), 'utf8'),
    ]) {
      writeFileSync(at('master.argon2.json'), text, { mode: 0o600 })
      expect(mistakesOf(passphraseEnv())).toEqual([expect.stringContaining('is damaged')])
    }
    const wrapped = JSON.stringify({ version: 1, kms: 'pkcs11', wrapped: 'oaep-sha1.AAAA' })
    writeFileSync(at('master.wrapped.json'), wrapped)
    expect(mistakesOf(localEnv())).toEqual([expect.stringContaining('the key service pkcs11')])
  })
})

describe('settings that say it twice or not at all', () => {
  it('are told with every mistake at once', async () => {
    const key = randomBytes(32).toString('base64url')
    const env = {
      COUNTERSIGN_MASTER_KEY: key,
      COUNTERSIGN_MASTER_PASSPHRASE_FILE: at('nowhere'),
      COUNTERSIGN_KMS: 'pkcs11',
      COUNTERSIGN_KMS_MODULE: '/some.so',
    }
    const mistakes = mistakesOf(env)
    expect(mistakes[0]).toBe(
      'only one of COUNTERSIGN_MASTER_KEY, COUNTERSIGN_MASTER_PASSPHRASE_FILE, COUNTERSIGN_KMS can say where the master key is',
    )
    for (const part of [
      'nowhere',
      'MASTER_KDF_FILE',
      '_TOKEN',
      '_KEY_ID',
      '_PIN_FILE',
      '_WRAPPED_FILE',
    ])
      expect(mistakes.filter((mistake) => mistake.includes(part))).toHaveLength(1)
    expect(mistakes.join()).not.toContain(key)
  })

  it.each([{}, { COUNTERSIGN_KMS: 'vault' }, { COUNTERSIGN_MASTER_PASSPHRASE: 'short' }])(
    'as in %j are refused',
    (env) => expect(mistakesOf(env as Env).length).toBeGreaterThan(0),
  )
})
