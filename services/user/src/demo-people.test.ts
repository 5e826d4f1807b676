import { chmodSync, writeFileSync } from 'node:fs'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { createDemoPeople } from './demo-people.ts'
import { changed, newUser } from './domain/user.ts'
import { createPasswords } from './password/passwords.ts'
import type { UserStore } from './user/user-store.ts'
import { createMemoryUserStore } from './user/user-store-memory.ts'

const folder = temporaryFolder()
const file = `${folder.path}/people.json`
const passwords = await createPasswords()
const now = (): number => 1_763_600_000_000
const people = [
  { username: 'admin', password: 'first password', roles: ['admin'] },
  { username: 'customer', password: 'second password', roles: ['customer'] },
]
let store: UserStore
const create = (): Promise<number> => createDemoPeople(file, { store, passwords, now })

beforeEach(() => {
  store = createMemoryUserStore()
  writeFileSync(file, JSON.stringify(people))
  chmodSync(file, 0o600)
})
afterAll(() => folder[Symbol.dispose]())

test('creates them in an empty store, once', async () => {
  expect(await create()).toBe(2)
  const admin = await store.byUsername('admin')
  expect(admin?.roles).toEqual(['admin'])
  expect(await passwords.matches(admin?.hashedPassword, 'first password')).toBe(true)
  expect(await create()).toBe(0)
})

test('what they have changed stays, and who is missing after a start that was cut off is added', async () => {
  const hashedPassword = await passwords.hash('chosen by admin')
  const admin = newUser(
    { id: crypto.randomUUID(), username: 'admin', hashedPassword, roles: [] },
    0,
  )
  await store.insert(admin)
  await store.replace(changed(admin, { disabled: true }))
  expect(await create()).toBe(1)
  expect(await store.byUsername('admin')).toEqual(changed(admin, { disabled: true }))
})

test('a store that holds anybody else is left alone', async () => {
  const hashedPassword = await passwords.hash('somebody real')
  const real = { id: crypto.randomUUID(), username: 'real', hashedPassword, roles: [] }
  await store.insert(newUser(real, 0))
  expect(await create()).toBe(0)
  expect(await store.list({ limit: 10 })).toHaveLength(1)
})

test('a file that others can read, or that is no list of people, is refused without a word of it', async () => {
  chmodSync(file, 0o644)
  await expect(create()).rejects.toThrow(/0600/)
  chmodSync(file, 0o600)
  writeFileSync(file, '[{"username":"x","password":"hunter2hunter2","roles":["king"]}]')
  const error = await create().catch((thrown: Error) => thrown)
  expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
  expect(String(error)).not.toContain('hunter2')
})
