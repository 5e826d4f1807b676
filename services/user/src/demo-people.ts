import { randomUUID } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { ConfigError } from '@countersign/ground/config'
import { z } from 'zod'
import { newUser, ROLES } from './domain/user.ts'
import { canonicalUsername } from './domain/username.ts'
import { DEMO_PEOPLE_MAX } from './limits.ts'
import type { Passwords } from './password/passwords.ts'
import type { UserStore } from './user/user-store.ts'

const peopleSchema = z
  .array(
    z.strictObject({
      username: z.string().min(1).max(64).transform(canonicalUsername),
      password: z.string().min(1).max(256),
      roles: z.array(z.enum(ROLES)).min(1),
    }),
  )
  .max(DEMO_PEOPLE_MAX)
type DemoPerson = z.output<typeof peopleSchema>[number]

/**
 * Creates the demo people of a first start; answers with how many. It does so only while the store holds
 * nobody but them: a store in use never gets people with passwords that lie in a file. Those who are there
 * stay as they are, with what they have changed; a start that was cut off is completed by the next.
 */
export async function createDemoPeople(
  file: string,
  { store, passwords, now }: { store: UserStore; passwords: Passwords; now: () => number },
): Promise<number> {
  const people = await readPeople(file)
  const present = await store.list({ limit: people.length + 1 })
  const known = new Set(present.map((user) => user.username))
  const demo = new Set(people.map((person) => person.username))
  if ([...known].some((username) => !demo.has(username))) return 0
  const missing = people.filter((person) => !known.has(person.username))
  const outcomes = await Promise.all(
    missing.map(async ({ username, password, roles }) => {
      const hashedPassword = await passwords.hash(password)
      return store.insert(newUser({ id: randomUUID(), username, hashedPassword, roles }, now()))
    }),
  )
  return outcomes.filter((outcome) => outcome === 'inserted').length
}

async function readPeople(file: string): Promise<DemoPerson[]> {
  const wrong = (what: string): ConfigError => new ConfigError([`USER_DEMO_PEOPLE_FILE: ${what}`])
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) throw wrong(`cannot read ${file}`)
  if ((found.mode & 0o077) !== 0) throw wrong(`${file} can be read by others; make it 0600`)
  try {
    return peopleSchema.parse(JSON.parse(await readFile(file, 'utf8')))
  } catch {
    // What is wrong with it may quote a password: only that it is wrong is said.
    throw wrong(`${file} is not a list of {username, password, roles}`)
  }
}
