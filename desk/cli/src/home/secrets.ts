import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import { DeskError, systemCode } from '../errors.ts'
import type { Layout } from './layout.ts'

const MASTER_KEY = /^[A-Za-z0-9_-]{43}$/

/** Makes the master key (32 random bytes, base64url, 0600) where there is none. A damaged one is never replaced. */
export async function ensureMasterKey(layout: Layout): Promise<void> {
  const text = await readOrMake(layout.masterKey, () => randomBytes(32).toString('base64url'))
  if (!MASTER_KEY.test(text) || isKnown(text))
    throw new DeskError(
      'ENVIRONMENT',
      `${layout.masterKey} does not hold 32 bytes in base64url; without the right key the state cannot be opened`,
    )
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

/** One byte over and over, zeros above all, is what examples and tests use. */
function isKnown(key: string): boolean {
  return new Set(Buffer.from(key, 'base64url')).size < 8
}
