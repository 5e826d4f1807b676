import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore, type Store } from '../store/store.ts'
import { silent } from '../testing/test-pki.ts'
import { writeBootstrapToken } from './bootstrap-token.ts'
import { JoinTokens } from './join-tokens.ts'
import { generateToken, hashToken } from './token.ts'

let folder: ReturnType<typeof temporaryFolder>
let now = 0
beforeEach(() => {
  folder = temporaryFolder()
  now = Date.now()
})
afterEach(async () => {
  await shut()
  folder[Symbol.dispose]()
})

const stores: Store[] = []
async function open(): Promise<JoinTokens> {
  await shut()
  const store = openStore(folder.path)
  stores.push(store)
  return JoinTokens.open({ store, folder: folder.path, now: () => now, log: silent })
}
async function shut(): Promise<void> {
  for (const store of stores.splice(0)) await store.close()
}
const refused = (why: string) => expect.objectContaining({ code: 'TOKEN_REFUSED', message: why })

describe('join tokens', () => {
  it('are for one name, once, and only their hashes are on disk', async () => {
    const tokens = await open()
    const { token, hash } = await tokens.mint('order', 60_000)
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(tokens.find(token).state).toMatchObject({ name: 'order', spent: false })
    await tokens.spend(hash)
    expect(() => tokens.find(token)).toThrow(refused('SPENT'))
    await expect(tokens.spend(hash)).rejects.toEqual(refused('SPENT'))
    for (const file of ['authority.db', 'authority.db-wal']) {
      const bytes = readFileSync(join(folder.path, file))
      expect(bytes.includes(token), file).toBe(false)
    }
    await shut()
    expect(readFileSync(join(folder.path, 'authority.db')).includes(hash)).toBe(true)
  })

  it('are spent by one of many at once', async () => {
    const tokens = await open()
    const { hash } = await tokens.mint('order', 60_000)
    const all = await Promise.allSettled(Array.from({ length: 50 }, () => tokens.spend(hash)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('are known, and known as spent, after a restart; and forgotten once expired', async () => {
    const before = await open()
    const fresh = await before.mint('order', 60_000)
    const used = await before.mint('order', 60_000)
    await before.spend(used.hash)
    const after = await open()
    expect(after.find(fresh.token).state.name).toBe('order')
    expect(() => after.find(used.token)).toThrow(refused('SPENT'))
    now += 60_000
    expect(() => after.find(fresh.token)).toThrow(refused('EXPIRED'))
    expect(after.all()).toEqual([])
  })

  it('stay spent when the process is killed in the middle of it', async () => {
    const tokens = await open()
    const minted = await Promise.all(
      Array.from({ length: 200 }, () => tokens.mint('order', 60_000)),
    )
    await shut()
    const script = new URL('../testing/spend-forever.ts', import.meta.url).pathname
    const options = ['--conditions=countersign:source', script, folder.path]
    const child = spawn(process.execPath, [...options, ...minted.map(({ hash }) => hash)], {
      stdio: 'pipe',
    })
    const said: string[] = []
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said.push(...chunk.trim().split('\n'))
      if (said.length > 20) child.kill('SIGKILL')
    })
    await once(child, 'close')
    expect(said.length).toBeGreaterThan(20)
    const after = await open()
    const known = new Map(after.all())
    for (const hash of said) expect(known.get(hash)?.spent, hash).toBe(true)
    expect(known.size).toBe(200)
  })

  it('stay spent and keep their end, whatever is written later', async () => {
    const tokens = await open()
    const { token, hash, state } = await tokens.mint('order', 60_000)
    await tokens.spend(hash)
    const late = { ...state, expiresAt: state.expiresAt + 60_000 }
    expect(await tokens.learn(hash, late)).toEqual({ spent: true })
    const after = await open()
    expect(() => after.find(token)).toThrow(refused('SPENT'))
    expect(after.stateOf(hash)?.expiresAt).toBe(state.expiresAt)
  })

  it('of somebody else are known when they are first seen, and remembered when they are spent', async () => {
    const tokens = await open()
    const hash = hashToken('an account')
    const said = { name: 'order', expiresAt: now + 60_000 }
    expect(tokens.admit(hash, said)).toEqual({ ...said, spent: false })
    expect((await open()).stateOf(hash)).toBeUndefined()
    const again = await open()
    again.admit(hash, said)
    again.admit(hash, said)
    await again.spend(hash)
    expect(() => again.admit(hash, said)).toThrow(refused('SPENT'))
    const after = await open()
    expect(() => after.admit(hash, said)).toThrow(refused('SPENT'))
    for (const [changes, why] of [
      [{ expiresAt: now }, 'EXPIRED'],
      [{ expiresAt: now + 2 * 86_400_000 }, 'it lives too long'],
      [{ name: 'authority' }, 'nobody joins under this name'],
    ] as const) {
      expect(() => after.admit(hashToken('b'), { ...said, ...changes })).toThrow(refused(why))
    }
  })

  it('are not taken for the authority itself, nor for longer than a day', async () => {
    const tokens = await open()
    await expect(tokens.mint('authority', 60_000)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
    await expect(tokens.mint('order', 2 * 86_400_000)).rejects.toMatchObject({
      code: 'TOKEN_REFUSED',
    })
    const state = { name: 'order', expiresAt: now + 1_000, spent: false }
    await expect(tokens.learn('x', state)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
    await expect(
      tokens.learn(hashToken('x'), { ...state, expiresAt: Number.NaN }),
    ).rejects.toMatchObject({
      code: 'TOKEN_REFUSED',
    })
  })

  it('are bounded in number', async () => {
    const tokens = await open()
    const state = { name: 'order', expiresAt: now + 1_000, spent: false }
    const words = Array.from({ length: 10_000 }, (_, i) => tokens.learn(hashToken(`t${i}`), state))
    await Promise.all(words)
    await expect(tokens.mint('order', 1_000)).rejects.toMatchObject({ code: 'TOKENS_FULL' })
    now += 1_000
    await expect(tokens.mint('order', 1_000)).resolves.toMatchObject({ state: { name: 'order' } })
  }, 60_000)
})

describe('the bootstrap token', () => {
  const write = (token: string, expiresAt = now + 60_000) =>
    writeBootstrapToken(folder.path, { name: 'desk', token, expiresAt: new Date(expiresAt) })

  it('is there when the authority starts, once, and stays spent', async () => {
    await expect(write('x')).rejects.toMatchObject({ code: 'PKI_MISSING' })
    writeFileSync(join(folder.path, 'signer.json'), '{}')
    const token = generateToken()
    await write(token)
    const first = await open()
    await first.spend(first.find(token).hash)
    const second = await open()
    expect(() => second.find(token)).toThrow(refused('SPENT'))
    const next = generateToken()
    await write(next)
    const third = await open()
    expect(third.find(next).state.name).toBe('desk')
  })

  it('is put in place for every authority of a folder', async () => {
    for (const name of ['authority-1', 'authority-2']) {
      mkdirSync(join(folder.path, name, 'signers'), { recursive: true })
    }
    const token = generateToken()
    await write(token)
    for (const name of ['authority-1', 'authority-2']) {
      const file = readFileSync(join(folder.path, name, 'bootstrap.json'), 'utf8')
      expect(file).toContain(hashToken(token))
      expect(file).not.toContain(token)
    }
  })
})
