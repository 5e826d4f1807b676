import { setTimeout as sleep } from 'node:timers/promises'
import { Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { createClient } from '@redis/client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { limiterTrial, limitOf } from './limiter.trial.ts'
import type { Limiter } from './limiter.ts'
import { createRedisLimiter } from './limiter-redis.ts'
import { createTestLog } from './testing/issuer.ts'
import { hasRedis, TestRedis } from './testing/redis.ts'

const folder = temporaryFolder('cs-limit-')
const redis = new TestRedis(folder.path)
afterAll(() => folder[Symbol.dispose]())

describe.skipIf(!hasRedis)('with a real Redis', { timeout: 60_000 }, () => {
  beforeAll(() => redis.start())
  afterAll(() => redis.kill())

  limiterTrial('the Redis limiter', (now) =>
    createRedisLimiter({
      socketPath: redis.socketPath,
      share: { index: 0, of: 1 },
      log: createTestLog().log,
      now,
    }),
  )

  it('needs no more rights than its README names, and says why it is kept out', async () => {
    const admin = createClient({ socket: { path: redis.socketPath, tls: false } })
    await admin.connect()
    const rights = 'evalsha eval time hmget hset pexpire pttl exists ping hello'
    const commands = rights.split(' ').map((command) => `+${command}`)
    await admin.aclSetUser('gate', ['on', '>secret', '~limit:*', ...commands])
    const { log, lines } = createTestLog()
    const connect = (password: string) =>
      createRedisLimiter({
        socketPath: redis.socketPath,
        username: 'gate',
        password,
        share: { index: 0, of: 4 },
        log,
      })
    const limiter = await connect('secret')
    const verdicts = Array.from({ length: 9 }, () =>
      limiter.take('rights', limitOf('4/day per person')),
    )
    expect((await Promise.all(verdicts)).filter(({ allowed }) => allowed)).toHaveLength(4)
    await limiter.close()
    const keptOut = await connect('wrong-secret')
    expect(lines.at(-1)).toContain('WRONGPASS')
    expect(lines.join()).not.toContain('secret')
    await keptOut.close()
    admin.destroy()
  })

  describe('two instances', () => {
    let limiters: Limiter[]
    let metrics: Metrics
    let lines: string[]
    let keys = 0
    let key = ''
    beforeEach(async () => {
      key = `two:${keys++}`
      metrics = new Metrics()
      const log = createTestLog()
      lines = log.lines
      limiters = await Promise.all(
        [0, 1].map((index) =>
          createRedisLimiter({
            socketPath: redis.socketPath,
            share: { index, of: 2 },
            log: log.log,
            ...(index === 0 ? { metrics } : {}),
          }),
        ),
      )
    })
    afterEach(() => Promise.all(limiters.map((limiter) => limiter.close())))

    /** Asks both instances at once; counts what passed. */
    async function burst(limit: string, times: number): Promise<number> {
      const parsed = limitOf(limit)
      const verdicts = await Promise.all(
        Array.from({ length: times }, (_, i) => limiters[i % 2]?.take(key, parsed)),
      )
      return verdicts.filter((verdict) => verdict?.allowed).length
    }
    /** So that a burst does not straddle two seconds. */
    const nextSecond = () => sleep(1_030 - (Date.now() % 1_000))
    async function burstsForSeconds(limit: string, seconds: number): Promise<number[]> {
      const counts: number[] = []
      for (let i = 0; i < seconds; i++) {
        await nextSecond()
        let count = 0
        for (let j = 0; j < 5; j++) {
          count += await burst(limit, 40)
          await sleep(100)
        }
        counts.push(count)
      }
      return counts
    }
    const modeIs = async (mode: string) =>
      (await metrics.text()).includes(`countersign_limiter_mode{mode="${mode}"} 1`)

    it('let exactly 5 of 200 parallel requests pass in each second, and use up only those of the day', async () => {
      const limit = '5/second, 18/day per person'
      expect(await burstsForSeconds(limit, 5)).toEqual([5, 5, 5, 3, 0])
    })

    it('stay at the limit while Redis dies, is away and comes back without its memory', async () => {
      const limit = '5/second, 30/day per person'
      expect(await burstsForSeconds(limit, 2)).toEqual([5, 5])
      await nextSecond()
      let inTheSecondOfTheLoss = await burst(limit, 40)
      const dying = redis.kill()
      inTheSecondOfTheLoss += await burst(limit, 40)
      await dying
      inTheSecondOfTheLoss += await burst(limit, 40)
      expect(inTheSecondOfTheLoss).toBe(5)
      expect(await modeIs('local')).toBe(true)

      const away = await burstsForSeconds(limit, 2)
      expect(Math.max(...away)).toBeLessThanOrEqual(5)
      expect(Math.min(...away)).toBeGreaterThan(0)

      await redis.start()
      const settling = await burstsForSeconds(limit, 4)
      await until(() => modeIs('redis'), 'back to Redis', 10_000)
      const after = await burstsForSeconds(limit, 2)
      expect(Math.max(...settling, ...after)).toBeLessThanOrEqual(5)
      // Redis has learnt of all that passed without it, and nobody has been cheated of much
      const sum = 15 + [...away, ...settling, ...after].reduce((a, b) => a + b, 0)
      expect(sum).toBeLessThanOrEqual(30)
      expect(sum).toBeGreaterThanOrEqual(20)
      // one line for each loss at each instance, not one for each attempt
      expect(lines.filter((line) => line.includes('Redis is away')).length).toBeLessThan(10)
      expect(await burst('5/second per person', 40)).toBeLessThanOrEqual(5)
    })

    it('are exact again after Redis was away', async () => {
      await redis.kill()
      await until(() => modeIs('local'), 'loss is seen')
      await redis.start()
      const settling = 'countersign_limiter_transitions_total{mode="settling"}'
      const before = (await metrics.text()).includes(settling)
      expect(before).toBe(false)
      await until(async () => (await metrics.text()).includes(settling), 'Redis is back')
      await nextSecond()
      // one instance alone keeps to its share, however many ask at once
      const limit = limitOf('5/second per person')
      const verdicts = Array.from({ length: 40 }, () => limiters[0]?.take(`${key}:alone`, limit))
      expect((await Promise.all(verdicts)).filter((verdict) => verdict?.allowed)).toHaveLength(3)
      expect(await modeIs('redis')).toBe(false)
      await until(() => modeIs('redis'), 'back to Redis')
      await sleep(300)
      expect(await burstsForSeconds('5/second per person', 2)).toEqual([5, 5])
    })

    it('do not wait for a Redis that hangs, and do not exceed the limit', async () => {
      const limit = '5/second, 1000/hour per person'
      expect(await burstsForSeconds(limit, 1)).toEqual([5])
      await nextSecond()
      redis.pause()
      try {
        const began = Date.now()
        await burst(limit, 40)
        expect(Date.now() - began).toBeLessThan(500)
        const hanging = await burstsForSeconds(limit, 2)
        expect(hanging).toEqual([5, 5])
      } finally {
        redis.resume()
      }
      await until(() => modeIs('redis'), 'back to Redis', 10_000)
    })
  })
})

it('begins with its share where there is no Redis, and never throws', async () => {
  const limiter = await createRedisLimiter({
    socketPath: `${folder.path}/nobody`,
    share: { index: 1, of: 2 },
    log: createTestLog().log,
  })
  const limit = limitOf('5/second per person')
  expect((await limiter.take('a', limit)).allowed).toBeDefined()
  await sleep(1_030 - (Date.now() % 1_000))
  const verdicts = await Promise.all(Array.from({ length: 9 }, () => limiter.take('a', limit)))
  expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(2)
  await limiter.close()
  await limiter.close()
})
