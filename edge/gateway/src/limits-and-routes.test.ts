import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { contract, describe as describeContract, endpoint } from '@countersign/contract'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, type Ask, ask } from './testing/client.ts'
import { House, identityMount, order, type Running } from './testing/house.ts'

let house: House
beforeEach(async () => {
  house = await House.build()
})
afterEach(() => house.close())

const at = (door: Running, path: string, more: Partial<Ask> = {}): Promise<Answer> =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })
const count = (answers: readonly Answer[], status: number): number =>
  answers.filter((each) => each.status === status).length
/** Waits for the beginning of a second, so that a burst falls into one window. */
const nextSecond = () => new Promise((resolve) => setTimeout(resolve, 1_020 - (Date.now() % 1_000)))
/** Makes a burst again, each time as somebody else, until one has begun and ended within a second. */
async function withinOneSecond(
  burst: (person: string) => Promise<Answer[]>,
): Promise<{ person: string; answers: Answer[] }> {
  for (let i = 0; i < 10; i++) {
    const person = `alice-${i}`
    await nextSecond()
    const second = Math.floor(Date.now() / 1_000)
    const answers = await burst(person)
    if (Math.floor(Date.now() / 1_000) === second) return { person, answers }
  }
  throw new Error('no burst ended within its second')
}

describe('a limit', () => {
  it('is told with a wait and a rule when it is used up, and counts each person alone', async () => {
    await house.service('order-1')
    const door = await house.gateway()
    const { person, answers } = await withinOneSecond((sub) => {
      const token = house.tokens.token({ sub })
      return Promise.all(Array.from({ length: 12 }, () => at(door, '/few', { token })))
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
    const { answers } = await withinOneSecond((sub) => {
      const token = house.tokens.token({ sub })
      return Promise.all(
        doors.flatMap((door) => Array.from({ length: 10 }, () => at(door, '/few', { token }))),
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
    const { headers } = await at(door, '/few', { token })
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
            10_000,
          )
        const burst = (sub = 'user-1'): Promise<Answer[]> => {
          const token = house.tokens.token({ sub })
          return Promise.all(
            doors.flatMap((door) => Array.from({ length: 30 }, () => at(door, '/few', { token }))),
          )
        }
        for (let second = 0; second < 2; second++) {
          const { answers } = await withinOneSecond(burst)
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

describe('routes', () => {
  const hello = describeContract(
    contract('hello', {
      greet: endpoint({
        at: 'GET /hello/:name',
        callers: ['gateway'],
        roles: 'stranger',
        limit: '1000/second per address',
      }),
      grab: endpoint({
        at: 'GET /orders/mine',
        callers: ['gateway'],
        roles: 'stranger',
        limit: '1000/second per address',
      }),
    }),
  )
  it('of a new service are there without a restart, and no change drops a request', async () => {
    await house.service('order-1')
    const door = await house.gateway()
    expect((await at(door, '/hello/you')).status).toBe(404)
    let going = true
    const statuses = new Set<number>()
    const steady = (async () => {
      const token = house.tokens.token()
      while (going) statuses.add((await at(door, '/orders/7', { token })).status)
    })()
    await house.service('hello-1')
    for (let i = 0; i < 20; i++) {
      house.contracts.set(i % 2 === 0 ? [hello, order, identityMount] : [order, identityMount])
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    house.contracts.set([hello, order, identityMount])
    expect((await at(door, '/hello/you')).status).toBe(200)
    going = false
    await steady
    expect(statuses).toEqual(new Set([200]))
  })
  it('stay with their first owner', async () => {
    const one = await house.service('order-1')
    await house.service('hello-1')
    const door = await house.gateway()
    house.contracts.set([hello, order, identityMount])
    expect((await at(door, '/orders/mine')).status).toBe(401)
    await at(door, '/orders/mine', { token: house.tokens.token() })
    expect(one.seen.at(-1)?.url).toBe('/orders/mine')
    expect(door.logLines.join('')).toContain('hello.grab of order')
  })

  it('come from kong.yml, too, over mutual TLS, with token, roles, limit and size', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'kong.yml')
    writeFileSync(
      file,
      `_format_version: "3.0"
services:
  - name: legacy
    url: https://legacy:3000/v1
    plugins: [{ name: rate-limiting, config: { second: 1000, limit_by: ip } }]
    routes:
      - name: reports
        paths: [/reports]
        plugins:
          - { name: jwt }
          - { name: acl, config: { allow: [auditor] } }
          - { name: request-size-limiting, config: { allowed_payload_size: 10, size_unit: bytes } }
      - { name: health, paths: [/health], methods: [GET], strip_path: false, tags: [public] }
      - { name: shadow, paths: [/orders], tags: [public] }
`,
    )
    const legacy = await house.service('legacy-1')
    await house.service('order-1')
    const door = await house.gateway({ GATEWAY_KONG_FILE: file })
    expect((await at(door, '/reports/7')).json()).toMatchObject({
      status: 401,
      code: 'TOKEN_MISSING',
    })
    expect((await at(door, '/reports/7', { token: house.tokens.token() })).json()).toMatchObject({
      status: 403,
      code: 'ROLE_MISSING',
    })
    const token = house.tokens.token({ roles: ['auditor'] })
    expect((await at(door, '/reports/7?a=b', { token })).status).toBe(200)
    expect(legacy.seen.at(-1)).toMatchObject({
      url: '/v1/7?a=b',
      headers: { authorization: `Bearer ${token}` },
    })
    const large = await at(door, '/reports', { token, method: 'POST', body: 'x'.repeat(11) })
    expect(large.json()).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
    expect((await at(door, '/health')).status).toBe(200)
    expect(legacy.seen.at(-1)?.url).toBe('/v1/health')
    expect((await at(door, '/health', { method: 'POST' })).headers.allow).toBe('GET')
    // A contract's paths are its own: the file does not open what the contract closes.
    expect((await at(door, '/orders')).json()).toMatchObject({ status: 401 })
    expect((await at(door, '/orders', { method: 'PUT' })).json()).toMatchObject({ status: 405 })
  })

  it('are not served from a broken file: every mistake is named and the gateway does not start', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'kong.yml')
    writeFileSync(
      file,
      '_format_version: "3.0"\nservices:\n  - name: a\n    url: http://a\n    retries: 1\n',
    )
    await expect(
      house.gateway({ GATEWAY_KONG_FILE: file, GATEWAY_SHARE_INDEX: '3' }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      mistakes: [
        expect.stringMatching(/kong.yml:5: services.0.retries: this key is not known/),
        'GATEWAY_SHARE_INDEX must be below GATEWAY_SHARE_OF',
      ],
    })
  })
})

describe('keys of the issuer', () => {
  it('that cannot be had refuse with 503, never open', async () => {
    const one = await house.service('order-1')
    house.keysAreAway = true
    const door = await house.gateway()
    const answer = await at(door, '/orders', { token: house.tokens.token() })
    expect(answer.json()).toMatchObject({ status: 503, code: 'KEYS_UNAVAILABLE' })
    expect(one.seen).toEqual([])
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
