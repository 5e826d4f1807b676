import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { ConfigError } from '../config/index.ts'
import { messageOf } from '../errors/index.ts'
import { SealError } from './errors.ts'
import { KMS_NAMES, type Kms } from './kms/kms.ts'
import { openLocalKms } from './kms/kms-local.ts'
import { openPkcs11Kms } from './kms/kms-pkcs11.ts'
import { createMasterKey, newMasterKey, parseMasterKey, readMasterKey } from './master-key.ts'
import {
  openMasterKeyFile,
  sealMasterKeyFile,
  unwrapMasterKeyFile,
  wrapMasterKeyFile,
} from './master-key-file.ts'
import { checkPassphrase, readPassphraseFile } from './passphrase.ts'

/*
 * Where the master key comes from. One of:
 *
 *   COUNTERSIGN_MASTER_KEY_FILE         a file of mode 0600 with the key
 *   COUNTERSIGN_MASTER_KEY              the key itself
 *   COUNTERSIGN_MASTER_PASSPHRASE_FILE  a file of mode 0600 with a passphrase; the key is sealed in
 *   COUNTERSIGN_MASTER_PASSPHRASE         COUNTERSIGN_MASTER_KDF_FILE
 *   COUNTERSIGN_KMS                     a key service; the key is sealed in COUNTERSIGN_KMS_WRAPPED_FILE
 *     local                             COUNTERSIGN_KMS_LOCAL_KEY_FILE
 *     pkcs11                            COUNTERSIGN_KMS_MODULE _TOKEN _KEY_ID _PIN_FILE
 */
type Env = Readonly<Record<string, string | undefined>>

const SOURCES = [
  'COUNTERSIGN_MASTER_KEY_FILE',
  'COUNTERSIGN_MASTER_KEY',
  'COUNTERSIGN_MASTER_PASSPHRASE_FILE',
  'COUNTERSIGN_MASTER_PASSPHRASE',
  'COUNTERSIGN_KMS',
] as const

/** A place of the master key that can be used. */
export interface MasterKeySource {
  /** The file that holds the key, sealed or not; `undefined` where the setting itself does. */
  readonly file: string | undefined
  /** Throws `SealError`. A passphrase costs 64 MiB for a tenth of a second, a token a child process. */
  open(): KeyObject
  /** Makes the file, for a new key or for one that was kept elsewhere before. Throws `SealError`. */
  create(key?: KeyObject): Promise<KeyObject>
}

/** The master key that the settings name. Throws `ConfigError` with every mistake at once. */
export function masterKeyFrom(env: Env): KeyObject {
  const source = masterKeySource(env)
  try {
    return source.open()
  } catch (error) {
    throw new ConfigError([messageOf(error)])
  }
}

/** Where the settings say that the master key is. Opens nothing. Throws `ConfigError` with every mistake at once. */
export function masterKeySource(env: Env): MasterKeySource {
  const mistakes: string[] = []
  const named = SOURCES.filter((name) => env[name] !== undefined)
  if (named.length === 0)
    mistakes.push(
      'COUNTERSIGN_MASTER_KEY_FILE is missing; it names a file of mode 0600 with the key. Instead of it there can be COUNTERSIGN_MASTER_PASSPHRASE_FILE or COUNTERSIGN_KMS',
    )
  if (named.length > 1)
    mistakes.push(`only one of ${named.join(', ')} can say where the master key is`)
  const sources = named.map((name) => reading(mistakes, () => SOURCE[name](env, mistakes)))
  const [source] = sources
  if (mistakes.length > 0 || source === undefined) throw new ConfigError(mistakes)
  return source
}

type Read = (env: Env, mistakes: string[]) => MasterKeySource | undefined
const SOURCE: Readonly<Record<(typeof SOURCES)[number], Read>> = {
  COUNTERSIGN_MASTER_KEY_FILE: ({ COUNTERSIGN_MASTER_KEY_FILE: file = '' }) => ({
    file,
    open: () => readMasterKey(file),
    create: (key) => createMasterKey(file, key),
  }),
  COUNTERSIGN_MASTER_KEY: ({ COUNTERSIGN_MASTER_KEY: text = '' }) => {
    const key = parseMasterKey(text, 'COUNTERSIGN_MASTER_KEY')
    return { file: undefined, open: () => key, create: async () => key }
  },
  COUNTERSIGN_MASTER_PASSPHRASE_FILE: (env, mistakes) =>
    underPassphrase(env, mistakes, () =>
      readPassphraseFile(env.COUNTERSIGN_MASTER_PASSPHRASE_FILE ?? ''),
    ),
  COUNTERSIGN_MASTER_PASSPHRASE: (env, mistakes) =>
    underPassphrase(env, mistakes, () =>
      checkPassphrase(env.COUNTERSIGN_MASTER_PASSPHRASE ?? '', 'COUNTERSIGN_MASTER_PASSPHRASE'),
    ),
  COUNTERSIGN_KMS: (env, mistakes) => {
    const kms = reading(mistakes, () => kmsFrom(env, mistakes))
    const file = wanted(env, 'COUNTERSIGN_KMS_WRAPPED_FILE', mistakes)
    if (kms === undefined || file === undefined) return undefined
    return kept(file, {
      open: () => unwrapMasterKeyFile(file, kms),
      write: (key) => wrapMasterKeyFile(file, { key, kms }),
    })
  },
}

function underPassphrase(
  env: Env,
  mistakes: string[],
  read: () => string,
): MasterKeySource | undefined {
  const passphrase = reading(mistakes, read)
  const file = wanted(env, 'COUNTERSIGN_MASTER_KDF_FILE', mistakes)
  if (passphrase === undefined || file === undefined) return undefined
  return kept(file, {
    open: () => openMasterKeyFile(file, passphrase),
    write: (key) => sealMasterKeyFile(file, { key, passphrase }),
  })
}

/** What was made is opened once before anybody relies on it. */
function kept(
  file: string,
  { open, write }: { open: () => KeyObject; write: (key: KeyObject) => Promise<void> },
): MasterKeySource {
  return {
    file,
    open,
    create: async (key = newMasterKey()) => {
      if (existsSync(file)) throw new SealError('KEY_FILE', `${file} is there already`)
      await write(key)
      if (open().equals(key)) return key
      throw new SealError('KEY_FILE', `${file} does not give back the key that was sealed`)
    },
  }
}

function kmsFrom(env: Env, mistakes: string[]): Kms | undefined {
  const { COUNTERSIGN_KMS: name } = env
  if (name === 'local') {
    const keyFile = wanted(env, 'COUNTERSIGN_KMS_LOCAL_KEY_FILE', mistakes)
    return keyFile === undefined ? undefined : openLocalKms({ keyFile })
  }
  if (name === 'pkcs11') {
    const module = wanted(env, 'COUNTERSIGN_KMS_MODULE', mistakes)
    const token = wanted(env, 'COUNTERSIGN_KMS_TOKEN', mistakes)
    const keyId = wanted(env, 'COUNTERSIGN_KMS_KEY_ID', mistakes)
    const pinFile = wanted(env, 'COUNTERSIGN_KMS_PIN_FILE', mistakes)
    if (!module || !token || !keyId || !pinFile) return undefined
    const { PATH, HOME, SOFTHSM2_CONF } = env
    return openPkcs11Kms({ module, token, keyId, pinFile, env: { PATH, HOME, SOFTHSM2_CONF } })
  }
  mistakes.push(`COUNTERSIGN_KMS is none of ${KMS_NAMES.join(', ')}`)
  return undefined
}

function wanted(env: Env, name: string, mistakes: string[]): string | undefined {
  const value = env[name]
  if (value !== undefined && value !== '') return value
  mistakes.push(`${name} is missing`)
  return undefined
}

function reading<T>(mistakes: string[], read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof ConfigError) mistakes.push(...error.mistakes)
    else mistakes.push(messageOf(error))
    return undefined
  }
}
