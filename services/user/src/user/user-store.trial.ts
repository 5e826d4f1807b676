import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { changed, newUser, type User } from '../domain/user.ts'
import type { UserStore } from './user-store.ts'

/** A name that no other test uses. */
const uniqueName = (): string => `someone-${randomUUID()}`
const person = (username = uniqueName()): User =>
  newUser(
    {
      id: randomUUID(),
      username,
      hashedPassword: '$argon2id$v=19$…',
      roles: ['customer', 'admin'],
    },
    1_763_600_000_123,
  )

/** What every `UserStore` keeps. `open` may give a store that holds people already, but none named `list-…`. */
export function userStoreTrial(open: () => Promise<UserStore>): void {
  let store: UserStore
  beforeAll(async () => {
    store = await open()
  })
  afterAll(() => store.close())

  test('gives back what was inserted, by id and by username', async () => {
    const user = person()
    expect(await store.insert(user)).toBe('inserted')
    expect(await store.byId(user.id)).toEqual(user)
    expect(await store.byUsername(user.username)).toEqual(user)
  })

  test('knows nobody by an id or a name that was never inserted, whatever it looks like', async () => {
    for (const text of [randomUUID(), '', 'me', "' or 1=1 --", '{"$gt":""}', 'a'.repeat(5_000)]) {
      expect(await store.byId(text)).toBeUndefined()
      expect(await store.byUsername(text)).toBeUndefined()
    }
  })

  test('a username is taken once, a hundred at one time included', async () => {
    const username = uniqueName()
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, () => store.insert(person(username))),
    )
    expect(outcomes.filter((outcome) => outcome === 'inserted')).toHaveLength(1)
    expect(await store.insert(person(username))).toBe('taken')
  })

  test('keeps names in any script apart, byte by byte', async () => {
    const names = ['ärger', 'arger', '李雷', 'ßtraße'].map((name) => `${name}-${randomUUID()}`)
    for (const name of names) expect(await store.insert(person(name))).toBe('inserted')
    for (const name of names) expect((await store.byUsername(name))?.username).toBe(name)
  })

  test('replaces the version it was made from, and no other', async () => {
    const user = person()
    await store.insert(user)
    const next = changed(user, { roles: ['support'], disabled: true, hashedPassword: 'new' })
    expect(await store.replace(next)).toBe(true)
    expect(await store.byId(user.id)).toEqual(next)
    expect(await store.replace(next)).toBe(false)
    expect(await store.replace(changed(person(), {}))).toBe(false)
    expect(await store.byId(user.id)).toEqual(next)
  })

  test('of fifty changes to one version one wins', async () => {
    const user = person()
    await store.insert(user)
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        store.replace(changed(user, { hashedPassword: `${i}` })),
      ),
    )
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    const winner = outcomes.indexOf(true)
    expect((await store.byId(user.id))?.hashedPassword).toBe(`${winner}`)
  })

  test('lists each person once, page by page, in the order of the names', async () => {
    const suffixes = ['B', 'a', 'ab', 'z', 'ä', '\u{ff21}', '\u{1f600}']
    const names = suffixes.map((suffix) => `list-${suffix}`)
    for (const name of names.toReversed()) await store.insert(person(name))
    const listed: string[] = []
    for (let after = 'list-'; ; ) {
      const page = await store.list({ after, limit: 3 })
      expect(page.length).toBeLessThanOrEqual(3)
      const ours = page.map((user) => user.username).filter((name) => name.startsWith('list-'))
      listed.push(...ours)
      if (ours.length < 3) break
      after = ours.at(-1) ?? ''
    }
    expect(listed.toSorted()).toEqual(names.toSorted())
    expect(listed.slice(0, 4)).toEqual(names.slice(0, 4))
    expect((await store.list({ limit: 2 })).length).toBe(2)
  })
}
