import { Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { createClient } from '@redis/client'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { limiterTrial, limitOf } from './limiter.trial.ts'
import type { Limiter, LimitVerdict } from './limiter.ts'
import { createRedisLimiter } from './limiter-redis.ts'
import {
  MEMBER_ABSENT_MS,
  REDIS_CONNECT_TIMEOUT_MS,
  REDIS_PROBE_MS,
  REDIS_RECONNECT_MS_MAX,
  REDIS_SETTLE_MS,
  REDIS_TIMEOUT_MS,
} from './limits.ts'
import { createTestLog } from './testing/issuer.ts'
import { hasRedis, TestRedis } from './testing/redis.ts'

const folder = temporaryFolder('cs-limit-')
const redis = new TestRedis(folder.path)
afterAll(() => folder[Symbol.dispose]())

describe.skipIf(!hasRedis)('with a real Redis', { timeout: 60_000 }, () => {
  beforeAll(() => redis.start())
  afterAll(() => redis.kill())

  const flush = async (): Promise<void> => {
    const admin = createClient({ socket: { path: redis.socketPath, tls: false } })
    await admin.connect()
    await admin.flushAll()
    admin.destroy()
  }
  beforeEach(flush)

  limiterTrial('the Redis limiter', (now) =>
    createRedisLimiter({
      socketPath: redis.socketPath,
      share: { index: 0, of: 1 },
      log: createTestLog().log,
      now,
    }),
  )

  it('lets exactly 5 pass in each second and exactly 1000 in the hour, of 200 parallel ones through two gateways', async () => {
    const start = Date.UTC(2026, 10, 20, 13)
    let clock = start
    const gateways = await Promise.all(
      [0, 1].map((index) =>
        createRedisLimiter({
          socketPath: redis.socketPath,
          share: { index, of: 2 },
          log: createTestLog().log,
          now: () => clock,
        }),
      ),
    )
    const limit = limitOf('5/second, 1000/hour per person')
    const burst = async (times: number): Promise<number> => {
      const verdicts = await Promise.all(
        Array.from({ length: times }, (_, i) => gateways[i % 2]?.take('hour', limit)),
      )
      return verdicts.filter((verdict) => verdict?.allowed).length
    }
    const inSeconds: number[] = []
    for (; clock < start + 3_600_000; clock += 1_000) {
      const used = inSeconds.reduce((a, b) => a + b, 0)
      inSeconds.push(await burst(used < 1_000 || clock % 60_000 === 0 ? 200 : 4))
    }
    expect(inSeconds).toEqual([...Array(200).fill(5), ...Array(3_400).fill(0)])
    // The next hour begins anew, whichever of them is asked.
    for (let second = 0; second < 3; second++, clock += 1_000) expect(await burst(200)).toBe(5)
    for (const gateway of gateways) await gateway.close()
  })

  it('needs no more rights than its README names, and says why it is kept out', async () => {
    const admin = createClient({ socket: { path: redis.socketPath, tls: false } })
    await admin.connect()
    const rights =
      'evalsha eval time get set del exists pexpire hget hset hmget hdel hincrby hlen hgetall ping hello'
    const commands = rights.split(' ').map((command) => `+${command}`)
    await admin.aclSetUser('gate', ['on', '>secret', '~limit:*', ...commands])
    const { log, lines } = createTestLog()
    const connect = (password: string, index = 0) =>
      createRedisLimiter({
        socketPath: redis.socketPath,
        username: 'gate',
        password,
        share: { index, of: 2 },
        log,
      })
    const two = await Promise.all([connect('secret', 0), connect('secret', 1)])
    const verdicts = Array.from({ length: 9 }, () =>
      two[0].take('rights', limitOf('4/day, 9/day burst 9 per person')),
    )
    expect((await Promise.all(verdicts)).filter(({ allowed }) => allowed)).toHaveLength(4)
    expect(lines.filter((line) => line.includes('Redis is away'))).toEqual([])
    for (const limiter of two) await limiter.close()
    const keptOut = await connect('wrong-secret')
    expect(lines.at(-1)).toContain('WRONGPASS')
    expect(lines.join()).not.toContain('secret')
    await keptOut.close()
    admin.destroy()
  })

  describe('two instances', () => {
    let limiters: Limiter[]
    let metrics: Metrics[]
    let lines: string[]
    /** Stands still until a test moves it: no burst straddles two seconds. */
    let clock = Date.UTC(2026, 10, 20, 9)
    let keys = 0
    let key = ''
    beforeEach(async () => {
      key = `two:${keys++}`
      metrics = [new Metrics(), new Metrics()]
      const log = createTestLog()
      lines = log.lines
      limiters = await Promise.all(
        metrics.map((each, index) =>
          createRedisLimiter({
            socketPath: redis.socketPath,
            share: { index, of: 2 },
            log: log.log,
            metrics: each,
            now: () => clock,
          }),
        ),
      )
    })
    afterEach(() => Promise.all(limiters.map((limiter) => limiter.close())))

    const passed = async (verdicts: readonly unknown[]): Promise<number> =>
      (await Promise.all(verdicts as Promise<LimitVerdict>[])).filter(({ allowed }) => allowed)
        .length
    /** Asks both instances at once; counts what passed. */
    const burst = (limit: string, times: number): Promise<number> => {
      const parsed = limitOf(limit)
      return passed(Array.from({ length: times }, (_, i) => limiters[i % 2]?.take(key, parsed)))
    }
    const through = (index: number, limit: string, times: number): Promise<number> => {
      const parsed = limitOf(limit)
      return passed(Array.from({ length: times }, () => limiters[index]?.take(key, parsed)))
    }
    async function burstsForSeconds(limit: string, seconds: number): Promise<number[]> {
      const counts: number[] = []
      for (let i = 0; i < seconds; i++) {
        clock += 1_000
        let count = 0
        for (let j = 0; j < 5; j++) count += await burst(limit, 40)
        counts.push(count)
      }
      return counts
    }
    const modeIs = async (mode: string): Promise<boolean> => {
      const texts = await Promise.all(metrics.map((each) => each.text()))
      return texts.every((text) => text.includes(`countersign_limiter_mode{mode="${mode}"} 1`))
    }

    it('let exactly 5 of 200 parallel requests pass in each second, and use up only those of the day', async () => {
      const limit = '5/second, 18/day per person'
      expect(await burstsForSeconds(limit, 5)).toEqual([5, 5, 5, 3, 0])
    })

    it('let exactly the limit pass through one of them, too', async () => {
      expect(await through(1, '20/second, 100/hour, 300/month per person', 200)).toBe(20)
      for (let i = 0, sum = 20; i < 8; i++) {
        clock += 1_000
        sum += await through(i % 3 === 0 ? 0 : 1, '20/second, 100/hour, 300/month per person', 50)
        expect(sum).toBe(Math.min(40 + 20 * i, 100))
      }
    })

    it('lose nothing and exceed nothing where one of them had used almost all of it', async () => {
      const day = '100/day per person'
      let sum = 0
      // Far above its half: the other one has handed over what it did not need.
      for (let i = 0; i < 80; i++) sum += await through(0, day, 1)
      expect(sum).toBe(80)
      await redis.kill()
      await until(() => modeIs('local'), 'loss is seen')
      const alone = [await through(0, day, 100), await through(1, day, 100)]
      // What was left was one's or the other's, and is all there is.
      expect(sum + (alone[0] ?? 0) + (alone[1] ?? 0)).toBe(100)
      await redis.start()
      await until(() => modeIs('redis'), 'back to Redis', 15_000)
      expect(await burst(day, 40)).toBe(0)
    })

    it('leave what is theirs to the others when they end', async () => {
      expect(await through(1, '10/day per person', 2)).toBe(2)
      await limiters[1]?.close()
      expect(await through(0, '10/day per person', 20)).toBe(8)
    })

    it('stay at the limit while Redis dies, is away and comes back without its memory', async () => {
      const limit = '5/second, 30/day per person'
      expect(await burstsForSeconds(limit, 2)).toEqual([5, 5])
      clock += 1_000
      let inTheSecondOfTheLoss = await burst(limit, 40)
      const dying = redis.kill()
      inTheSecondOfTheLoss += await burst(limit, 40)
      await dying
      inTheSecondOfTheLoss += await burst(limit, 40)
      expect(inTheSecondOfTheLoss).toBe(5)
      await until(() => modeIs('local'), 'loss is seen')

      const away = await burstsForSeconds(limit, 2)
      expect(Math.max(...away)).toBeLessThanOrEqual(5)
      expect(Math.min(...away)).toBeGreaterThan(0)

      await redis.start()
      const settling = await burstsForSeconds(limit, 2)
      await until(() => modeIs('redis'), 'back to Redis', 15_000)
      const after = await burstsForSeconds(limit, 6)
      expect(Math.max(...settling, ...after)).toBeLessThanOrEqual(5)
      // Redis has learnt of all that passed without it, and nobody has been cheated of any
      expect(15 + [...away, ...settling, ...after].reduce((a, b) => a + b, 0)).toBe(30)
      // one line for each loss at each instance, not one for each attempt
      expect(lines.filter((line) => line.includes('Redis is away')).length).toBeLessThan(10)
    })

    it('keep to their own until the others must be back, and are exact then', async () => {
      // One that never comes back: nobody can know what it had to tell.
      await limiters[1]?.close()
      metrics.pop()
      await redis.kill()
      await until(() => modeIs('local'), 'loss is seen')
      await redis.start()
      const settling = 'countersign_limiter_transitions_total{mode="settling"}'
      await until(
        async () => (await metrics[0]?.text())?.includes(settling),
        'Redis is back',
        15_000,
      )
      clock += 1_000
      // one instance alone keeps to its share, however many ask at once
      expect(await through(0, '5/second per person', 40)).toBe(3)
      await until(() => modeIs('redis'), 'back to Redis', 15_000)
      clock += 1_000
      expect(await through(0, '5/second per person', 40)).toBe(5)
    })

    it('do not wait for a Redis that hangs, and do not exceed the limit', async () => {
      const limit = '5/second, 1000/hour per person'
      expect(await burstsForSeconds(limit, 1)).toEqual([5])
      clock += 1_000
      redis.pause()
      try {
        expect(await burst(limit, 40)).toBe(0)
        await until(() => modeIs('local'), 'loss is seen')
        // By now it is sure that it was no stumble.
        await until(async () => (await burstsForSeconds(limit, 1))[0] === 5, 'the share of each')
        expect(await burstsForSeconds(limit, 2)).toEqual([5, 5])
      } finally {
        redis.resume()
      }
      await until(() => modeIs('redis'), 'back to Redis', 15_000)
    })
  })
})

it('is reconciled within five seconds after Redis is back', () => {
  const backMs =
    REDIS_RECONNECT_MS_MAX + REDIS_PROBE_MS + REDIS_CONNECT_TIMEOUT_MS + REDIS_TIMEOUT_MS
  expect(REDIS_SETTLE_MS).toBeGreaterThan(backMs)
  expect(backMs + REDIS_SETTLE_MS).toBeLessThan(5_000)
  expect(MEMBER_ABSENT_MS).toBeGreaterThan(REDIS_SETTLE_MS)
})

it('begins with its share where there is no Redis, and never throws', async () => {
  let clock = Date.UTC(2026, 10, 20, 9)
  const limiter = await createRedisLimiter({
    now: () => clock,
    socketPath: `${folder.path}/nobody`,
    share: { index: 1, of: 2 },
    log: createTestLog().log,
  })
  const limit = limitOf('5/second, 100/day per person')
  expect((await limiter.take('a', limit)).allowed).toBe(false)
  clock += 1_000
  const verdicts = await Promise.all(Array.from({ length: 9 }, () => limiter.take('a', limit)))
  expect(verdicts.filter(({ allowed }) => allowed)).toHaveLength(2)
  await limiter.close()
  await limiter.close()
})
