import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silent } from '../testing/authority-host.ts'
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
  for (const tokens of opened.splice(0)) await tokens.close().catch(() => undefined)
  folder[Symbol.dispose]()
})

const opened: JoinTokens[] = []
async function open(): Promise<JoinTokens> {
  const tokens = await JoinTokens.open(folder.path, { now: () => now, log: silent })
  opened.push(tokens)
  return tokens
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
    const file = readFileSync(join(folder.path, 'tokens.jsonl'), 'utf8')
    expect(file).toContain(hash)
    expect(file).not.toContain(token)
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
    await before.close()
    const after = await open()
    expect(after.find(fresh.token).state.name).toBe('order')
    expect(() => after.find(used.token)).toThrow(refused('SPENT'))
    now += 60_000
    expect(() => after.find(fresh.token)).toThrow(refused('EXPIRED'))
    expect(after.all()).toEqual([])
    await after.close()
  })

  it('stay spent when the process is killed in the middle of it', async () => {
    const tokens = await open()
    const minted = await Promise.all(
      Array.from({ length: 200 }, () => tokens.mint('order', 60_000)),
    )
    await tokens.close()
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

  it('survive a line that was cut off, and refuse to forget one that was damaged', async () => {
    const before = await open()
    const { token, hash } = await before.mint('order', 60_000)
    await before.spend(hash)
    await before.close()
    const path = join(folder.path, 'tokens.jsonl')
    appendFileSync(path, '{"hash":"half')
    const after = await open()
    expect(() => after.find(token)).toThrow(refused('SPENT'))
    await after.close()
    writeFileSync(path, readFileSync(path, 'utf8').replace('true', 'tru'))
    await expect(open()).rejects.toMatchObject({ code: 'PKI_DAMAGED' })
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
    await first.close()
    const second = await open()
    expect(() => second.find(token)).toThrow(refused('SPENT'))
    await second.close()
    const next = generateToken()
    await write(next)
    const third = await open()
    expect(third.find(next).state.name).toBe('desk')
    await third.close()
  })

  it('is put in place for every authority of a folder', async () => {
    for (const name of ['authority-1', 'authority-2']) {
      mkdirSync(join(folder.path, name))
      writeFileSync(join(folder.path, name, 'signer.json'), '{}')
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
