import { temporaryFolder } from '@countersign/ground/testkit'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MEMBER_ABSENT_MS, MEMBER_LEASE_MS } from './limits.ts'
import { type Client, connectedTo, Town, World } from './testing/limiter-town.ts'
import { hasRedis, TestRedis } from './testing/redis.ts'

/*
 * Instances, a Redis that is lost and comes back with or without its memory, and a clock, in any order: nothing ever
 * passes above a limit. The scripts run in a real Redis; only the clock and the loss are the test's.
 */
const folder = temporaryFolder('cs-limit-model-')
const redis = new TestRedis(folder.path)
afterAll(() => folder[Symbol.dispose]())

const small = fc.nat(2)
const steps = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('take' as const),
      asks: fc.array(
        fc.record({ at: small, request: fc.nat(4), times: fc.integer({ min: 1, max: 6 }) }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), at: small }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.constantFrom(1, 100, 500, 1_000, 20_000, 60_000, 3_600_000, 86_400_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), unanswered: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('back' as const), empty: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(100, 1_000, MEMBER_ABSENT_MS, MEMBER_LEASE_MS + 1_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('stop' as const), at: small, leaves: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('start' as const), at: small }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('resize' as const),
      of: fc.integer({ min: 1, max: 3 }),
      leaves: fc.boolean(),
    }),
  },
)
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never

function play(town: Town, step: Step): Promise<void> | void {
  switch (step.do) {
    case 'take':
      return town.takes(step.asks)
    case 'join':
      return town.join(step.at)
    case 'pass':
      town.world.nowMs += step.ms
      return
    case 'lose':
      return town.loseRedis(step.unanswered)
    case 'back':
      return town.redisIsBack(step.empty)
    case 'wait':
      return town.waitFor(step.ms)
    case 'stop':
      return town.stop(step.at, step.leaves)
    case 'start':
      return town.start(step.at)
    case 'resize':
      return town.resize(step.of, step.leaves)
  }
}

describe.skipIf(!hasRedis)('instances that share limits', { timeout: 120_000 }, () => {
  let admin: Client
  let clients: Client[]
  let runs = 0
  beforeAll(async () => {
    await redis.start()
    admin = await connectedTo(redis)
    clients = await Promise.all([connectedTo(redis), connectedTo(redis), connectedTo(redis)])
  })
  afterAll(async () => {
    for (const client of [admin, ...clients]) client.destroy()
    await redis.kill()
  })

  it('never let pass more than the limit, whatever becomes of Redis and of them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(steps, { minLength: 10, maxLength: 60 }),
        async (of, script) => {
          const world = new World(admin, Date.UTC(2026, 1, 28, 23, 59, 57, 300))
          const town = new Town(world, clients, runs++)
          await town.open(of)
          for (const step of script) await play(town, step)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('let pass exactly the limit when all is well again, through whichever they are asked', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(steps, { maxLength: 25 }),
        fc.array(small, { minLength: 40, maxLength: 40 }),
        async (script, ways) => {
          const world = new World(admin, Date.UTC(2026, 1, 28, 23, 59, 57, 300))
          const town = new Town(world, clients, runs++)
          await town.open(3)
          for (const step of script) await play(town, step)
          await town.redisIsBack(false)
          for (let i = 0; i < 3; i++) await town.join(i)
          await town.waitFor(MEMBER_LEASE_MS + MEMBER_ABSENT_MS)
          world.nowMs += 366 * 86_400_000
          world.passed.clear()
          for (const at of ways) await town.takes([{ at, request: 2, times: 1 }])
          expect(world.passed.get(`${runs - 1}:c`)).toHaveLength(4)
          world.nowMs += 3_600_000
          await town.takes(ways.map((at) => ({ at, request: 2, times: 1 })))
          expect(world.passed.get(`${runs - 1}:c`)).toHaveLength(8)
        },
      ),
      { numRuns: 40 },
    )
  })
})
