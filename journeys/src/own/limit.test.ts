import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enginesAreRequired } from '../config/env.ts'
import { limitRounds, type Round, type Rounds } from '../support/limit-rounds.ts'
import { type Platform, startPlatform } from '../support/platform.ts'

/* The limit of one person over both gateways. `npm run long:limits` does the same for a minute. */
let platform: Platform
let redisPid: number | undefined

beforeAll(async () => {
  platform = await startPlatform()
  const { engines } = await platform.json<{ engines: { name: string; pid: number | null }[] }>(
    'status',
  )
  redisPid = engines.find((engine) => engine.name === 'redis')?.pid ?? undefined
})
afterAll(() => platform?.stop('--wipe'))

describe('200 parallel requests of one person against 5 per second', () => {
  test('with Redis exactly five pass in each second, and refused ones use up nothing of the hour', async (context) => {
    if (redisPid === undefined && !enginesAreRequired())
      return context.skip('redis-server is not installed')
    const rounds = await limitRounds(platform, await platform.token('customer'), {
      rounds: 4,
      parallel: 200,
    })
    expect(rounds.within.map((round) => round.passed)).toEqual([5, 5, 5, 5])
    // A burst that ran over its second has met several windows, and has used up each at most.
    for (const { passed, seconds } of rounds.over) expect(passed).toBeLessThanOrEqual(5 * seconds)
    expect([...rounds.within, ...rounds.over].flatMap((round) => round.other)).toEqual([])
    // Whatever passed is in the hour, made again or not, and nothing else is.
    expect(rounds.hours.length).toBeGreaterThan(0)
    for (const { passed, used } of rounds.hours) expect(used).toBe(passed)
  })

  test('without Redis the gateways together stay at or under it, nothing answers 500, and Redis learns of it', async () => {
    const admin = await platform.token('admin')
    const all = (rounds: Rounds): Round[] => [...rounds.within, ...rounds.over]
    let passed = 0
    if (redisPid !== undefined) process.kill(redisPid, 'SIGSTOP')
    try {
      const rounds = await limitRounds(platform, admin, { rounds: 4, parallel: 200 })
      for (const round of all(rounds)) expect(round.passed).toBeLessThanOrEqual(5 * round.seconds)
      expect(all(rounds).flatMap((round) => round.other)).toEqual([])
      passed = all(rounds).reduce((sum, round) => sum + round.passed, 0)
      expect(passed).toBeGreaterThan(0)
    } finally {
      if (redisPid !== undefined) process.kill(redisPid, 'SIGCONT')
    }
    for (let i = 0; i < 10; i++) {
      const back = await limitRounds(platform, admin, { rounds: 2, parallel: 200 })
      for (const round of all(back)) expect(round.passed).toBeLessThanOrEqual(5 * round.seconds)
      expect(all(back).flatMap((round) => round.other)).toEqual([])
      passed += all(back).reduce((sum, round) => sum + round.passed, 0)
      const [hour] = back.hours
      // In an hour that ended meanwhile nobody can look.
      if (back.hours.length > 1) return
      // Redis may have counted a few that were given up before it went on; a gateway alone tells of its share, 500.
      if (hour !== undefined && hour.used >= passed && hour.used <= passed + 50) return
    }
    expect.unreachable('Redis never learnt of what had passed')
  })
})
