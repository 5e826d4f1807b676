import { verify } from '@node-rs/argon2'
import { expect, test, vi } from 'vitest'
import { createPasswords } from './passwords.ts'

// The library itself, and a note of what it was asked.
vi.mock('@node-rs/argon2', { spy: true })

const passwords = await createPasswords()

test('makes PHC strings of argon2id with 19 MiB, two passes, one lane, each with its own salt', async () => {
  const [a, b] = [await passwords.hash('the password'), await passwords.hash('the password')]
  expect(a).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(a).not.toBe(b)
  expect(passwords.isOutdated(a)).toBe(false)
})

test('takes two spellings of one text for one password', async () => {
  const hashed = await passwords.hash('gr\u00fc\u00dfe')
  expect(await passwords.matches(hashed, 'gru\u0308\u00dfe')).toBe(true)
  expect(await passwords.matches(hashed, 'gruße')).toBe(false)
})

test('knows hashes of other parameters, and of another algorithm, as outdated', async () => {
  for (const head of ['m=19456,t=3,p=1', 'm=19456,t=2,p=2', 'm=65536,t=2,p=1'])
    expect(passwords.isOutdated(`$argon2id$v=19$${head}$c2FsdA$aGFzaA`)).toBe(true)
  expect(passwords.isOutdated('$argon2i$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA')).toBe(true)
})

test('nobody has no password that fits, and costs as much as somebody', async () => {
  vi.mocked(verify).mockClear()
  expect(await passwords.matches(undefined, '')).toBe(false)
  // Against a hash of today's parameters: what it costs is what they say.
  expect(vi.mocked(verify)).toHaveBeenCalledTimes(1)
  expect(passwords.isOutdated(String(vi.mocked(verify).mock.lastCall?.[0]))).toBe(false)
})

test('hashing leaves the event loop free', async () => {
  let turns = 0
  let going = true
  const turn = (): void => {
    turns++
    if (going) setImmediate(turn)
  }
  turn()
  await Promise.all(Array.from({ length: 12 }, (_, i) => passwords.hash(`password ${i}`)))
  going = false
  // A hash in the loop itself would leave it a turn or two each.
  expect(turns).toBeGreaterThan(200)
})

test('tells those who come when the queue is full to come back', async () => {
  const small = await createPasswords({ atOnceMax: 1, waitingMax: 2 })
  const asked = await Promise.allSettled(
    Array.from({ length: 5 }, () => small.hash('the password')),
  )
  expect(asked.map((each) => each.status)).toEqual([
    'fulfilled',
    'fulfilled',
    'fulfilled',
    'rejected',
    'rejected',
  ])
  expect(asked[4]).toMatchObject({
    reason: { code: 'OVERLOADED', status: 503, facts: { headers: { 'retry-after': '1' } } },
  })
})
