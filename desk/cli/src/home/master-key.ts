import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { messageOf } from '@countersign/ground/errors'
import {
  type MasterKeySource,
  masterKeyFrom,
  masterKeySource,
  readMasterKey,
} from '@countersign/ground/seal'
import type { Env } from '@countersign/service'
import { type Config, readConfig } from '../config/config.ts'
import type { Desk } from '../desk.ts'
import { DeskError } from '../errors.ts'
import type { Layout } from './layout.ts'

/** Where the processes that seal find the master key: a file, one under a passphrase, or one that a key service opens. */
export function masterKeyEnv(config: Config, { layout, env }: { layout: Layout; env: Env }): Env {
  if (config.masterPassphraseFile !== undefined)
    return {
      COUNTERSIGN_MASTER_PASSPHRASE_FILE: config.masterPassphraseFile,
      COUNTERSIGN_MASTER_KDF_FILE: layout.masterKeyUnderPassphrase,
    }
  if (config.kms === undefined)
    return { COUNTERSIGN_MASTER_KEY_FILE: config.masterKeyFile ?? layout.masterKey }
  const wanted: Env = {
    COUNTERSIGN_KMS: config.kms,
    COUNTERSIGN_KMS_WRAPPED_FILE: layout.masterKeyInKms,
    COUNTERSIGN_KMS_LOCAL_KEY_FILE: config.kmsLocalKeyFile,
    COUNTERSIGN_KMS_MODULE: config.kmsModule,
    COUNTERSIGN_KMS_TOKEN: config.kmsToken,
    COUNTERSIGN_KMS_KEY_ID: config.kmsKeyId,
    COUNTERSIGN_KMS_PIN_FILE: config.kmsPinFile,
    // Where SoftHSM keeps its tokens.
    SOFTHSM2_CONF: config.kms === 'pkcs11' ? env.SOFTHSM2_CONF : undefined,
  }
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined))
}

/**
 * Opens the master key, and makes it where this state has none. One that lay in a plain file before is taken over into
 * the place that is configured now, and the file goes when the new place has given the same key back. Any other change
 * of place is refused: a second key would open nothing. A damaged or a well-known key is refused, never replaced.
 * Throws `DeskError` ENVIRONMENT. `env`: what `masterKeyEnv` gave, with PATH and HOME for the program that reaches a token.
 */
export async function ensureMasterKey(layout: Layout, env: Env): Promise<KeyObject> {
  try {
    const source = masterKeySource(env)
    if (source.file === undefined) return source.open()
    if (existsSync(source.file)) return await opened(source, layout)
    const before = placesOf(layout).find((path) => path !== source.file && existsSync(path))
    if (before === undefined && existsSync(layout.bundle))
      throw new Error(`there is no ${source.file}, and this state was sealed before`)
    if (before === undefined) return await source.create()
    return await takeOver(source, { before, layout })
  } catch (error) {
    throw new DeskError(
      'ENVIRONMENT',
      `${messageOf(error)}.\nWithout the right key the state in ${layout.root} cannot be opened; put it back, or begin anew: countersign down --wipe`,
      { cause: error },
    )
  }
}

/** The master key, for commands that open what is sealed while nothing runs. Throws `DeskError`. */
export function openMasterKey({ env, folder, layout }: Desk): KeyObject {
  const config = readConfig(env, folder)
  const { PATH, HOME } = env
  try {
    return masterKeyFrom({ PATH, HOME, ...masterKeyEnv(config, { layout, env }) })
  } catch (error) {
    throw new DeskError('ENVIRONMENT', messageOf(error), { cause: error })
  }
}

/** A take-over that was cut off left both; the plain one goes when it is the same. */
async function opened(source: MasterKeySource, { masterKey }: Layout): Promise<KeyObject> {
  const key = source.open()
  if (source.file === masterKey || !existsSync(masterKey)) return key
  if (!readMasterKey(masterKey).equals(key))
    throw new Error(`${source.file} and ${masterKey} hold different master keys`)
  await rm(masterKey)
  return key
}

const placesOf = ({ masterKey, masterKeyUnderPassphrase, masterKeyInKms }: Layout) => [
  masterKey,
  masterKeyUnderPassphrase,
  masterKeyInKms,
]

async function takeOver(
  source: MasterKeySource,
  { before, layout }: { before: string; layout: Layout },
): Promise<KeyObject> {
  if (before !== layout.masterKey)
    throw new Error(
      `the master key of this state is in ${before}, and the configuration names another place`,
    )
  // Read back before `create` returns: from here on the sealed one is as good.
  const key = await source.create(readMasterKey(before))
  await rm(before)
  return key
}
