import { createSecretKey, randomBytes } from 'node:crypto'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deriveKey, Keyring } from '@countersign/ground/seal'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type KeyRing, keysOf } from '../domain/key-ring.ts'
import { KEY_KEPT_MS, KEY_PUBLISHED_MS_MIN, KEY_ROTATION_MS } from '../limits.ts'
import { openSigningKeys, type SigningKeys } from './signing-keys.ts'

const log = createLog({ service: 'identity', node: 'identity-1', destination: { write() {} } })
const newKeyring = () => new Keyring(deriveKey(createSecretKey(randomBytes(32)), 'test'))

let folder: ReturnType<typeof temporaryFolder>
let keyring: Keyring
let now: number
let changes: { kid: string; rotated: boolean }[]
const opened: SigningKeys[] = []
beforeEach(() => {
  folder = temporaryFolder('keys-')
  keyring = newKeyring()
  now = Date.UTC(2030, 0, 1)
  changes = []
})
afterEach(() => {
  for (const keys of opened.splice(0)) keys.close()
  folder[Symbol.dispose]()
})
async function open(ring = keyring): Promise<SigningKeys> {
  const keys = await openSigningKeys({
    ...{ folder: folder.path, keyring: ring, log },
    now: () => now,
    onChange: ({ current }, rotated) => changes.push({ kid: current.kid, rotated }),
  })
  opened.push(keys)
  return keys
}
const kids = (ring: KeyRing) => keysOf(ring).map(({ kid }) => kid)
const path = () => join(folder.path, 'signing-keys.sealed')

test('the first start makes two keys, seals them and finds them again', async () => {
  const first = await open()
  expect(new Set(kids(first.ring())).size).toBe(2)
  expect((await stat(path())).mode & 0o777).toBe(0o600)
  const onDisk = await readFile(path(), 'utf8')
  for (const { jwk } of keysOf(first.ring())) expect(onDisk).not.toContain(jwk.d)
  expect(kids((await open()).ring())).toEqual(kids(first.ring()))
})

test('a rotation lets the published key sign, keeps the old one and survives a restart', async () => {
  const keys = await open()
  const [a, b] = kids(keys.ring())
  expect(await keys.rotate()).toBe('PUBLISHED_TOO_RECENTLY')
  now += KEY_PUBLISHED_MS_MIN
  expect(await keys.rotate()).toBe('rotated')
  const [current, next, old] = kids(keys.ring())
  expect([current, old]).toEqual([b, a])
  expect(kids((await open()).ring())).toEqual([b, next, a])
  expect(changes).toEqual([{ kid: b, rotated: true }])
})

test('the clock rotates when it is due and forgets a key when its last token is dead', async () => {
  const keys = await open()
  const [a, b] = kids(keys.ring())
  now += KEY_ROTATION_MS
  await keys.tend()
  expect(kids(keys.ring())[0]).toBe(b)
  expect(kids(keys.ring())).toContain(a)
  now += KEY_KEPT_MS - 1
  await keys.tend()
  expect(kids(keys.ring())).toContain(a)
  now += 1
  await keys.tend()
  expect(kids(keys.ring())).not.toContain(a)
  expect(changes.map(({ rotated }) => rotated)).toEqual([true, false])
})

test('a rotation that fell due while nothing ran happens at the next start', async () => {
  const [, b] = kids((await open()).ring())
  now += KEY_ROTATION_MS
  expect(kids((await open()).ring())[0]).toBe(b)
})

test('rotations at the same time come one after the other', async () => {
  const keys = await open()
  now += KEY_PUBLISHED_MS_MIN
  const outcomes = await Promise.all([keys.rotate(), keys.rotate(), keys.rotate()])
  expect(outcomes).toEqual(['rotated', 'PUBLISHED_TOO_RECENTLY', 'PUBLISHED_TOO_RECENTLY'])
})

test('keys that cannot be opened stop the start; they are never replaced in silence', async () => {
  await open()
  const before = await readFile(path(), 'utf8')
  await expect(open(newKeyring())).rejects.toMatchObject({ code: 'KEYS_UNREADABLE' })
  expect(await readFile(path(), 'utf8')).toBe(before)
  await writeFile(path(), before.slice(0, -2))
  await expect(open()).rejects.toMatchObject({ code: 'KEYS_UNREADABLE' })
})
