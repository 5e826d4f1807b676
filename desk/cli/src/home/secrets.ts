import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@countersign/ground/errors'
import { createMasterKey, readMasterKey } from '@countersign/ground/seal'
import { writeFileAtomic } from '@countersign/ground/store'
import { DeskError, systemCode } from '../errors.ts'
import type { Layout } from './layout.ts'

/** Makes the master key (0600) where there is none. A damaged or a well-known one is refused, never replaced. */
export async function ensureMasterKey(layout: Layout): Promise<void> {
  try {
    if (existsSync(layout.masterKey)) readMasterKey(layout.masterKey)
    else await createMasterKey(layout.masterKey)
  } catch (error) {
    throw new DeskError(
      'ENVIRONMENT',
      `${messageOf(error)}.\nWithout the right key the state in ${layout.root} cannot be opened; put it back, or begin anew: countersign down --wipe`,
      { cause: error },
    )
  }
}

/** A password of a database role or another machine: made once, in a file of its own. */
export async function ensureSecret(
  layout: Layout,
  name: string,
): Promise<{ value: string; file: string }> {
  const file = join(layout.secrets, `${name}.secret`)
  const value = await readOrMake(file, () => randomBytes(32).toString('base64url'))
  return { value, file }
}

/** Puts a secret of an operator where one process can read it: never in its environment. */
export async function storeSecret(layout: Layout, name: string, value: string): Promise<string> {
  const file = join(layout.secrets, `${name}.secret`)
  await writeFileAtomic(file, value)
  return file
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  try {
    await writeFile(path, make(), { mode: 0o600, flag: 'wx', flush: true })
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
  return (await readFile(path, 'utf8')).trim()
}
