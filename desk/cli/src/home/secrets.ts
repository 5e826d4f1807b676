import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '@countersign/ground/store'
import { systemCode } from '../errors.ts'
import type { Layout } from './layout.ts'

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
