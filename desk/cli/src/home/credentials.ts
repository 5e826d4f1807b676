import { randomInt } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { DeskError, systemCode } from '../errors.ts'
import type { Layout } from './layout.ts'

const credentialsSchema = z.array(
  z.object({
    username: z.string().min(1),
    password: z.string().min(12),
    roles: z.array(z.string()).min(1),
  }),
)
/** The demo people, each with a password of their own from the first start. */
export type Credentials = z.infer<typeof credentialsSchema>

export const DEMO_PEOPLE: readonly string[] = ['admin', 'customer', 'support', 'auditor']
const LETTERS = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'

/** Reads the demo people, and makes them where there are none (`credentials.json`, 0600). */
export async function ensureCredentials(layout: Layout): Promise<Credentials> {
  const fresh = DEMO_PEOPLE.map((role) => ({
    username: role,
    password: password(),
    roles: [role],
  }))
  try {
    const text = `${JSON.stringify(fresh, undefined, 2)}\n`
    await writeFile(layout.credentials, text, { mode: 0o600, flag: 'wx', flush: true })
    return fresh
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
    return readCredentials(layout)
  }
}

/** The demo people of a platform that was started before. */
export async function readCredentials(layout: Layout): Promise<Credentials> {
  try {
    return credentialsSchema.parse(JSON.parse(await readFile(layout.credentials, 'utf8')))
  } catch (error) {
    throw new DeskError(
      'ENVIRONMENT',
      `cannot use ${layout.credentials} (${systemCode(error) ?? 'it is damaged'})`,
      { cause: error },
    )
  }
}

// 20 letters of 55 are 115 bits.
function password(): string {
  return Array.from({ length: 20 }, () => LETTERS[randomInt(LETTERS.length)]).join('')
}
