import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { createClient } from '@redis/client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { fleetStoreTrial } from './fleet-store.trial.ts'
import type { OpenFleetStore } from './fleet-store.ts'
import { openRedisFleetStore } from './fleet-store-redis.ts'
import type { RedisAddress } from './limiter-redis-link.ts'
import { createTestLog } from './testing/issuer.ts'
import { hasRedis, TestRedis } from './testing/redis.ts'

const folder = temporaryFolder('cs-fleet-')
afterAll(() => folder[Symbol.dispose]())

const LONG = 1_800_000

describe.skipIf(!hasRedis)('with a real Redis', { timeout: 60_000 }, () => {
  const redis = new TestRedis(folder.path)
  const opened: OpenFleetStore[] = []
  const { log, lines } = createTestLog()
  /** Patient: a machine that is busy is no loss of Redis. */
  const open = async (more: Partial<RedisAddress> = {}): Promise<OpenFleetStore> => {
    const address = { socketPath: redis.socketPath, timeoutMs: 30_000, log, ...more }
    const store = await openRedisFleetStore({ ...address, of: 2 })
    opened.push(store)
    return store
  }
  const answering = async (store: OpenFleetStore): Promise<OpenFleetStore> => {
    await until(async () => (await store.get('any')) !== 'away', 'Redis answers', 20_000)
    return store
  }
  const ready = async (): Promise<OpenFleetStore> => answering(await open())
  const admin = async <T>(
    what: (client: ReturnType<typeof clientOf>) => Promise<T>,
  ): Promise<T> => {
    const client = clientOf(redis.socketPath)
    await client.connect()
    const answer = await what(client)
    client.destroy()
    return answer
  }
  beforeAll(() => redis.start())
  afterAll(() => redis.kill())
  beforeEach(() => admin((client) => client.flushAll()))
  afterEach(() => {
    for (const store of opened.splice(0)) store.close()
  })

  fleetStoreTrial('the Redis store', async () => ({
    stores: [await ready(), await ready()],
    // It is Redis that keeps the time.
    pass: (ms) => sleep(ms),
  }))

  it('is away while Redis is, and young when it has forgotten', async () => {
    const store = await ready()
    await store.putNew('first', '', LONG)
    let tries = 0
    await until(
      async () => (await store.putNew(`${tries++}`, '', 2)) === 'put',
      'it is old',
      20_000,
    )
    await redis.kill()
    await until(async () => (await store.get('first')) === 'away', 'the loss is seen', 20_000)
    expect(await store.putNew('first', '', LONG)).toBe('away')
    expect(await store.swap('first', '', undefined)).toBe('away')
    await redis.start()
    await answering(store)
    expect(await store.putNew('first', '', LONG)).toBe('young')
  })

  it('is away while Redis hangs, and knows what it knew after that', async () => {
    await (await ready()).putNew('first', 'text', LONG)
    const store = await answering(await open({ timeoutMs: 200 }))
    redis.pause()
    try {
      await until(async () => (await store.get('first')) === 'away', 'the silence is seen')
      expect(await store.putNew('second', '', LONG)).toBe('away')
    } finally {
      redis.resume()
    }
    const knows = async () => {
      const found = await store.get('first')
      return found !== 'away' && found.text === 'text'
    }
    await until(knows, 'it is back', 20_000)
  })

  it('needs no more rights than the README names, and says nothing to who has none', async () => {
    await admin(async (client) => {
      const commands = 'evalsha eval time get set del ping hello'.split(' ').map((c) => `+${c}`)
      await client.aclSetUser('gate', ['on', '>secret', '~fleet:*', ...commands])
      await client.aclSetUser('other', ['on', '>secret', '~limit:*', ...commands])
    })
    lines.length = 0
    const as = (username: string) => open({ username, password: 'secret' })
    const gate = await answering(await as('gate'))
    expect(await gate.putNew('key', 'a', LONG)).toBe('young')
    expect(await gate.swap('key', 'a', { text: 'b', ttlMs: LONG })).toBe('done')
    expect(await gate.get('key')).toEqual({ text: 'b' })
    expect(await gate.swap('key', 'b', undefined)).toBe('done')
    expect(lines.join()).not.toContain('no right')
    const other = await as('other')
    await until(() => lines.join().includes('gives its user no right'), 'it is told', 20_000)
    expect(lines.join()).not.toContain('secret')
    expect(await other.putNew('key', '', LONG)).toBe('away')
    expect(await other.get('key')).toBe('away')
  })

  it('leaves nothing behind but the time of its birth', async () => {
    const store = await ready()
    await store.putNew('key', 'text', 20)
    const keys = () => admin((client) => client.keys('*'))
    await until(
      async () => (await keys()).join() === 'fleet:{one}:born',
      'the text is gone',
      20_000,
    )
  })
})

const clientOf = (path: string) => createClient({ socket: { path, tls: false } })
