import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:https'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, type Ask, ask } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import { nextSecond, withinOneSecond } from './testing/within-one-second.ts'

let house: House
/** Keeps its connections: a burst that is made again needs no handshakes, and falls into a second more easily. */
let agent: Agent
beforeEach(async () => {
  agent = new Agent({ keepAlive: true })
  house = await House.build()
})
afterEach(() => {
  agent.destroy()
  return house.close()
})
const at = (door: Running, path: string, more: Partial<Ask> = {}): Promise<Answer> =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })
const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((each) => each.status === status).length

describe('a limit', () => {
  it('is told with a wait and a rule when it is used up, and counts each person alone', async () => {
    await house.service('order-1')
    const door = await house.gateway()
    const { person, answers } = await withinOneSecond(async (attempt) => {
      const sub = `alice-${attempt}`
      const token = house.tokens.token({ sub })
      const all = Array.from({ length: 12 }, () => at(door, '/few', { token, agent }))
      return { person: sub, answers: await Promise.all(all) }
    })
    expect([count(answers, 200), count(answers, 429)]).toEqual([5, 7])
    const refused = answers.find((each) => each.status === 429)
    expect(refused?.headers['retry-after']).toBe('1')
    expect(refused?.headers['x-ratelimit-remaining-second']).toBe('0')
    // What the second refused did not use up the hour.
    expect(refused?.headers['x-ratelimit-remaining-hour']).toBe('995')
    expect(refused?.json()).toMatchObject({ code: 'RATE_LIMITED', status: 429 })
    const event = door.events.findLast((each) => each.event.code === 'RATE_LIMITED')
    expect(event).toMatchObject({
      action: 'order.few',
      userId: person,
      countersign: {
        hinge: 'authorise',
        rule: 'limit: 5/second is used up',
        remedy: expect.any(String),
      },
    })
    const other = house.tokens.token({ sub: 'bob' })
    expect((await at(door, '/few', { token: other })).status).toBe(200)
  })

  it('is shared out where there is no Redis', async () => {
    await house.service('order-1')
    const doors = [
      await house.gateway({ GATEWAY_SHARE_INDEX: '0', GATEWAY_SHARE_OF: '2' }),
      await house.gateway({ GATEWAY_SHARE_INDEX: '1', GATEWAY_SHARE_OF: '2' }),
    ]
    const answers = await withinOneSecond((attempt) => {
      const token = house.tokens.token({ sub: `alice-${attempt}` })
      return Promise.all(
        doors.flatMap((door) =>
          Array.from({ length: 10 }, () => at(door, '/few', { token, agent })),
        ),
      )
    })
    expect(count(answers, 200)).toBe(5)
  })

  it('is lowered by the operator, never raised, and an endpoint can be closed', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'policy.yaml')
    writeFileSync(
      file,
      'deny:\n  - endpoint: order.list\n    reason: closed for the night\nlimits:\n  - endpoint: order.few\n    limit: 2/second, 100000/hour per person\n',
    )
    await house.service('order-1')
    const door = await house.gateway({ COUNTERSIGN_POLICY_FILE: file })
    const token = house.tokens.token()
    const { headers } = await at(door, '/few', { token, agent })
    expect([headers['x-ratelimit-limit-second'], headers['x-ratelimit-limit-hour']]).toEqual([
      '2',
      '1000',
    ])
    const closed = await at(door, '/orders', { token })
    expect(closed.json()).toMatchObject({ status: 403, code: 'OPERATOR_DENIED' })
    expect(closed.body).not.toContain('night')
  })

  const hasRedis = spawnSync('redis-server', ['--version']).status === 0
  describe.skipIf(!hasRedis)('with Redis', () => {
    it('is exact over two gateways, and when Redis is gone nothing is a 500 and the sum stays', {
      timeout: 40_000,
    }, async () => {
      using folder = temporaryFolder()
      const socket = join(folder.path, 'redis.sock')
      const redis = spawn(
        'redis-server',
        ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder.path],
        { stdio: 'ignore' },
      )
      try {
        await house.service('order-1')
        await until(() => existsSync(socket), 'Redis is up')
        const share = (index: number) => ({
          GATEWAY_REDIS_SOCKET: socket,
          GATEWAY_SHARE_INDEX: String(index),
          GATEWAY_SHARE_OF: '2',
        })
        const doors = [await house.gateway(share(0)), await house.gateway(share(1))]
        for (const door of doors)
          await until(
            async () =>
              /countersign_limiter_mode\{mode="redis"\} 1/.test(await door.metrics.text()),
            'counts are shared',
          )
        const burst = (sub = 'user-1'): Promise<Answer[]> => {
          const token = house.tokens.token({ sub })
          return Promise.all(
            doors.flatMap((door) =>
              Array.from({ length: 30 }, () => at(door, '/few', { token, agent })),
            ),
          )
        }
        for (let second = 0; second < 2; second++) {
          const answers = await withinOneSecond((attempt) => burst(`alice-${attempt}`))
          expect([count(answers, 200), count(answers, 429)]).toEqual([5, 55])
        }
        redis.kill('SIGKILL')
        await once(redis, 'exit')
        await nextSecond()
        for (let second = 0; second < 3; second++) {
          await nextSecond()
          const began = Math.floor(Date.now() / 1000)
          const answers = await burst()
          const seconds = Math.floor(Date.now() / 1000) - began + 1
          expect(answers.filter((each) => ![200, 429].includes(each.status))).toEqual([])
          expect(count(answers, 200)).toBeLessThanOrEqual(5 * seconds)
        }
      } finally {
        redis.kill('SIGKILL')
      }
    })
  })
})

describe('requests in flight', () => {
  it('are bounded per source and in total, and what is shed is counted and not stored', async () => {
    const one = await house.service('order-1')
    const waiting: (() => void)[] = []
    one.handler = (_seen, response) => void waiting.push(() => response.end('{}'))
    const door = await house.gateway({ GATEWAY_IN_FLIGHT_PER_SOURCE_MAX: '3' })
    const token = house.tokens.token()
    const busy = Array.from({ length: 3 }, () => at(door, '/orders/7', { token }))
    await until(() => waiting.length === 3, 'three are under way')
    const shed = await at(door, '/orders/7', { token })
    expect(shed.json()).toMatchObject({ status: 503, code: 'OVERLOADED' })
    for (const end of waiting) end()
    expect((await Promise.all(busy)).map((each) => each.status)).toEqual([200, 200, 200])
    expect(await door.metrics.text()).toContain('countersign_refusals_total{code="OVERLOADED"} 1')
    expect(door.events.filter((each) => each.event.code === 'OVERLOADED')).toEqual([])
  })
})
