import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { enginesAreRequired } from '../config/env.ts'
import { limitRounds } from '../support/limit-rounds.ts'
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

  test('without Redis the gateways together stay at or under it, and nothing answers 500', async () => {
    const admin = await platform.token('admin')
    if (redisPid !== undefined) process.kill(redisPid, 'SIGSTOP')
    try {
      const rounds = await limitRounds(platform, admin, {
        rounds: 4,
        parallel: 200,
      })
      const all = [...rounds.within, ...rounds.over]
      for (const { passed, seconds } of all) expect(passed).toBeLessThanOrEqual(5 * seconds)
      expect(all.flatMap((round) => round.other)).toEqual([])
      expect(all.some((round) => round.passed > 0)).toBe(true)
    } finally {
      if (redisPid !== undefined) process.kill(redisPid, 'SIGCONT')
    }
  })
})
