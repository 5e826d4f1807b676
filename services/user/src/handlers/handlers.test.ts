import { randomUUID } from 'node:crypto'
import { createMemoryCache } from '@countersign/ground/store'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { newUser, type Role, type User } from '../domain/user.ts'
import { createPasswords } from '../password/passwords.ts'
import { createMemoryUserStore } from '../user/user-store-memory.ts'
import { contextFor } from './context.fixture.ts'
import { handlers } from './index.ts'
import type { Parts, UserHandlers } from './parts.ts'

const now = (): number => 1_763_600_000_000
const passwords = await createPasswords()
const oldPasswords = await createPasswords({
  parameters: { memoryCost: 8_192, timeCost: 1, parallelism: 1 },
})
let parts: Parts
let user: UserHandlers
let alice: User

async function add(username: string, password: string, roles: Role[]): Promise<User> {
  const hashedPassword = await passwords.hash(password)
  const made = newUser({ id: randomUUID(), username, hashedPassword, roles }, now())
  await parts.store.insert(made)
  return made
}
beforeEach(async () => {
  const cache = createMemoryCache({ ttlMs: 60_000 })
  parts = { store: createMemoryUserStore(), cache, passwords, now }
  user = handlers(parts)
  alice = await add('alice', 'alice has a secret', ['admin'])
})
const verify = (username: string, password: string) =>
  user.verifyPassword({ body: { username, password }, ...contextFor('verifyPassword') })

describe('verifyPassword', () => {
  test('knows a person by any spelling of the name, and by the right password only', async () => {
    const person = { id: alice.id, username: 'alice', roles: ['admin'] }
    for (const name of ['alice', ' ALICE ', 'Ａlice'])
      expect(await verify(name, 'alice has a secret')).toEqual({ person })
    for (const wrong of ['alice has a secre', 'Alice has a secret', 'alice has a secret '])
      expect(await verify('alice', wrong)).toEqual({ person: null })
  })

  test('says the same of nobody, of a closed account and of a wrong password', async () => {
    await parts.store.replace({ ...alice, disabled: true, version: 2 })
    expect(await verify('alice', 'alice has a secret')).toEqual({ person: null })
    expect(await verify('nobody', 'alice has a secret')).toEqual({ person: null })
  })

  test('asks no store for what nobody can be called, and says what it says of nobody', async () => {
    const asked = vi.spyOn(parts.store, 'byUsername')
    for (const name of ['a\0b', 'a\nb', '\u001b[31m', '<x>', 'x'.repeat(128)])
      expect(await verify(name, 'alice has a secret')).toEqual({ person: null })
    expect(asked).not.toHaveBeenCalled()
  })

  test('does the same work for nobody as for a wrong password', async () => {
    const hashing = vi.spyOn(passwords, 'matches')
    for (const name of ['alice', 'nobody']) {
      await verify(name, 'not the password')
      expect(hashing).toHaveBeenCalledTimes(1)
      hashing.mockClear()
    }
    hashing.mockRestore()
  })

  test('refuses a password of more than 1024 bytes before it hashes', async () => {
    const hashing = vi.spyOn(passwords, 'matches')
    await expect(verify('alice', 'ü'.repeat(513))).rejects.toMatchObject({
      code: 'BODY_INVALID',
      facts: { errors: [{ field: 'password' }] },
    })
    expect(hashing).not.toHaveBeenCalled()
    hashing.mockRestore()
  })

  test('makes a hash of old parameters new at the next login', async () => {
    const hashedPassword = await oldPasswords.hash('a password from before')
    const facts = {
      id: randomUUID(),
      username: 'bob',
      hashedPassword,
      roles: ['customer' as const],
    }
    await parts.store.insert(newUser(facts, now()))
    expect((await verify('bob', 'a password from before')).person?.id).toBe(facts.id)
    const bob = await parts.store.byId(facts.id)
    expect(passwords.isOutdated(bob?.hashedPassword ?? '')).toBe(false)
    expect((await verify('bob', 'a password from before')).person?.id).toBe(facts.id)
  })
})

describe('describe', () => {
  test('tells the roles of this moment, and nothing of a closed account', async () => {
    const ask = (id: string) => user.describe({ params: { id }, ...contextFor('describe') })
    expect(await ask(alice.id)).toEqual({
      person: { id: alice.id, username: 'alice', roles: ['admin'] },
    })
    await parts.store.replace({ ...alice, roles: ['auditor'], version: 2 })
    expect((await ask(alice.id)).person?.roles).toEqual(['auditor'])
    await parts.store.replace({ ...alice, disabled: true, version: 3 })
    expect(await ask(alice.id)).toEqual({ person: null })
    expect(await ask('no-uuid')).toEqual({ person: null })
  })
})

describe('reading', () => {
  test('never shows the password hash', async () => {
    const me = await user.me(contextFor('me', alice.id))
    const read = await user.read({ params: { id: alice.id }, ...contextFor('read', alice.id) })
    const list = await user.list({ query: { limit: 20 }, ...contextFor('list', alice.id) })
    expect(me).toEqual({
      id: alice.id,
      username: 'alice',
      roles: ['admin'],
      version: 1,
      disabled: false,
      createdAt: new Date(now()).toISOString(),
    })
    expect([read, list.users[0]]).toEqual([me, me])
    expect(JSON.stringify([me, read, list])).not.toContain('argon2')
  })

  test('the second read comes from the cache, and says so', async () => {
    const contexts = [contextFor('me', alice.id), contextFor('me', alice.id)] as const
    for (const context of contexts) await user.me(context)
    expect(contexts.map((context) => context.witnessed[0]?.hop)).toEqual(['database', 'cache'])
  })

  test('an unknown id is not found', async () => {
    for (const id of [randomUUID(), 'me', "'", 'x'.repeat(200)]) {
      const context = contextFor('read', alice.id)
      const asked = user.read({ params: { id }, ...context })
      await expect(asked).rejects.toMatchObject({ code: 'NOT_FOUND' })
      // What no id can be is asked of neither cache nor store.
      expect(context.witnessed).toHaveLength(id.length === 36 ? 1 : 0)
    }
  })

  test('lists by pages', async () => {
    for (const name of ['bob', 'carol']) await add(name, 'a long password', ['customer'])
    const page = (after?: string) =>
      user.list({ query: { limit: 2, after }, ...contextFor('list', alice.id) })
    const first = await page()
    expect(first).toMatchObject({
      users: [{ username: 'alice' }, { username: 'bob' }],
      next: 'bob',
    })
    expect(await page(first.next ?? '')).toMatchObject({
      users: [{ username: 'carol' }],
      next: null,
    })
  })
})

describe('changing', () => {
  const setRoles = (id: string, roles: Role[], version: number) =>
    user.changeRoles({
      params: { id },
      body: { roles, version },
      ...contextFor('changeRoles', alice.id),
    })

  test('creates a person who can log in; a name is taken once', async () => {
    const create = (username: string) =>
      user.create({
        body: { username, password: 'a long password', roles: ['customer'] },
        ...contextFor('create', alice.id),
      })
    expect(await create('Bob')).toMatchObject({ username: 'bob', version: 1 })
    expect((await verify('bob', 'a long password')).person?.roles).toEqual(['customer'])
    await expect(create(' BOB')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(create('b\u0000b')).rejects.toMatchObject({ code: 'BODY_INVALID' })
  })

  test('roles change on the version that was read, at once for every reader', async () => {
    const bob = await add('bob', 'a long password', ['customer'])
    const read = () => user.read({ params: { id: bob.id }, ...contextFor('read', alice.id) })
    expect((await read()).roles).toEqual(['customer'])
    expect((await setRoles(bob.id, ['support', 'support'], 1)).roles).toEqual(['support'])
    expect(await read()).toMatchObject({ roles: ['support'], version: 2 })
    await expect(setRoles(bob.id, ['admin'], 1)).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('an admin does not lock themselves out', async () => {
    await expect(setRoles(alice.id, ['customer'], 1)).rejects.toMatchObject({ code: 'CONFLICT' })
    const disable = user.disable({ params: { id: alice.id }, ...contextFor('disable', alice.id) })
    await expect(disable).rejects.toMatchObject({ code: 'CONFLICT' })
    expect((await setRoles(alice.id, ['admin', 'auditor'], 1)).version).toBe(2)
  })

  test('a disabled account stays on record and cannot log in; to disable it again is no mistake', async () => {
    const bob = await add('bob', 'a long password', ['customer'])
    for (let i = 0; i < 2; i++)
      await user.disable({ params: { id: bob.id }, ...contextFor('disable', alice.id) })
    expect((await parts.store.byId(bob.id))?.disabled).toBe(true)
    expect(await verify('bob', 'a long password')).toEqual({ person: null })
  })

  test('people change their own password, and must know the old one', async () => {
    const change = (oldPassword: string, newPassword: string) =>
      user.changePassword({
        body: { oldPassword, newPassword },
        ...contextFor('changePassword', alice.id),
      })
    await expect(change('wrong', 'another password')).rejects.toMatchObject({
      facts: { errors: [{ field: 'oldPassword' }] },
    })
    await expect(change('alice has a secret', 'alice has a secret')).rejects.toMatchObject({
      facts: { errors: [{ field: 'newPassword' }] },
    })
    await change('alice has a secret', 'another password')
    expect((await verify('alice', 'another password')).person?.id).toBe(alice.id)
    expect(await verify('alice', 'alice has a secret')).toEqual({ person: null })
  })
})
