import type { PluginInstance } from '@countersign/kong'
import { NO_FLEET_STORE, type OpenFleetStore } from '@countersign/layers'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FleetRedis, hasRedis } from '../testing/redis.ts'
import { type TestTools, testTools } from '../testing/tools.ts'
import { type Changes, LoginHouse, PAGE, sendBack } from './login-house.fixture.ts'

/*
 * Sessions over several gateways, before a real issuer that rotates refresh tokens and ends a session when one is used
 * twice.
 */

const LONG = { session_idling_timeout: 86_400, session_rolling_timeout: 86_400 }
let house: LoginHouse
let cookie: string
beforeAll(async () => {
  house = await LoginHouse.open()
})
afterAll(() => house[Symbol.asyncDispose]())

/** A gateway: its own memory, and its own way to the issuer. */
class Gateway {
  readonly tools: TestTools
  between = house.provider.fetch
  readonly #instance: PluginInstance
  constructor(fleet: OpenFleetStore, changes: Changes = {}) {
    this.tools = testTools({ fetch: (r) => this.between(r), directory: house.directory, fleet })
    this.tools.nowMs = house.tools.nowMs
    this.#instance = house.instance({ ...LONG, ...changes }, this.tools)
  }
  async enter(by: string = cookie) {
    const came = await house.ask({ headers: ['Cookie', by] }, {}, this.#instance)
    const token = came.asked.upstream.headers.get('authorization')
    return { ...came, token, status: came.refusal?.status }
  }
  async enterByPage(by: string = cookie) {
    const headers = ['Accept', 'text/html', 'Cookie', by]
    const { asked, location } = await house.ask({ ...PAGE, headers }, {}, this.#instance)
    return { status: asked.answered?.status, location }
  }
}
const refreshes = () => house.provider.asked.filter((path) => path === '/token').length
/** Everybody has logged in, and the access token is over. */
async function begin(): Promise<void> {
  house.start()
  cookie = (await house.loggedIn(LONG)).cookie
  house.provider.asked.length = 0
  house.tools.nowMs += 3_600_000
}

describe.skipIf(!hasRedis)('gateways with a Redis', { timeout: 60_000 }, () => {
  let redis: FleetRedis
  let lines: () => string
  beforeAll(() => {
    redis = new FleetRedis()
    redis.start()
  })
  afterAll(() => redis[Symbol.asyncDispose]())
  beforeEach(begin)
  const two = async (): Promise<readonly [Gateway, Gateway]> => {
    const made = [new Gateway(await redis.open()), new Gateway(await redis.open())] as const
    lines = () => JSON.stringify(made.map(({ tools }) => tools.lines))
    return made
  }

  test('refresh a session once, for all of 50 requests over both, and for those who come late', async () => {
    const [one, other] = await two()
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? one : other).enter()),
    )
    expect(all.map(({ status }) => status)).toEqual(all.map(() => undefined))
    expect([new Set(all.map(({ token }) => token)).size, refreshes()]).toEqual([1, 1])
    // A gateway that has just started, and a browser's tab with the old cookie.
    const late = await new Gateway(await redis.open()).enter()
    expect([late.status, late.token, refreshes()]).toEqual([undefined, all[0]?.token, 1])
    // The issuer has not seen a refresh token twice: the session goes on.
    const next = sendBack(all[1]?.cookies ?? [])
    for (const { tools } of [one, other]) tools.nowMs += 3_600_000
    const again = await Promise.all([one.enter(next), other.enter(next)])
    expect(again.map(({ status }) => status)).toEqual([undefined, undefined])
    expect(refreshes()).toBe(2)
    for (const { token = '' } of all) expect(lines()).not.toContain(token.slice(7))
  })

  test('keep nothing there that says more than that somebody refreshes', async () => {
    const fleet = await redis.open()
    const told: string[] = []
    const gateway = new Gateway({
      ...fleet,
      putNew: (key, text, ttlMs) => {
        told.push(key, text)
        return fleet.putNew(key, text, ttlMs)
      },
      swap: (key, before, next) => {
        told.push(key, before, next?.text ?? '')
        return fleet.swap(key, before, next)
      },
    })
    const { token = '' } = await gateway.enter()
    const [key = '', lease, ...rest] = told
    expect(key).toMatch(/^renewal:[\w-]{43}$/)
    expect(lease).toMatch(/^lease [0-9a-f-]{36}$/)
    expect(rest.slice(0, 2)).toEqual([key, lease])
    expect(rest[2]).toMatch(/^[\w-]+$/)
    const opened = Buffer.from(rest[2] ?? '', 'base64url').toString('latin1')
    for (const text of [token.slice(7), 'accessToken']) expect(opened).not.toContain(text)
  })

  test('take over from one that has died with the lease', async () => {
    const [, other] = await two()
    const fleet = await redis.open()
    const leases: number[] = []
    const dying = new Gateway({
      ...fleet,
      putNew(key, text, ttlMs) {
        leases.push(ttlMs)
        return fleet.putNew(key, text, 500)
      },
    })
    const asked = Promise.withResolvers<void>()
    dying.between = (request) => {
      if (!request.url.endsWith('/token')) return house.provider.fetch(request)
      asked.resolve()
      return new Promise(() => {})
    }
    void dying.enter()
    await asked.promise
    fleet.close()
    // As long as its holder may ask for tokens and keys, ten seconds each.
    expect(leases).toEqual([21_000])
    const served = await Promise.all([other.enter(), other.enter()])
    expect(served.map(({ status }) => status)).toEqual([undefined, undefined])
    expect(refreshes()).toBe(1)
  })

  test('log in again where the issuer refuses, and ask it once', async () => {
    const [one, other] = await two()
    await house.provider.forget()
    const all = await Promise.all([one, other, one, other].map((each) => each.enter()))
    expect(all.map(({ status }) => status)).toEqual([401, 401, 401, 401])
    const { status, location } = await other.enterByPage()
    expect([status, new URL(location).origin]).toEqual([302, house.provider.issuer])
    expect(refreshes()).toBe(1)
  })

  test('believe nobody who can write there', async () => {
    const fleet = await redis.open()
    let mine = ''
    const watched = new Gateway({
      ...fleet,
      swap: (key, before, next) => {
        mine = next?.text ?? ''
        return fleet.swap(key, before, next)
      },
    })
    const anna = await watched.enter()
    expect(mine).not.toBe('')
    house.provider.who = 'bob'
    await begin()
    house.provider.who = 'anna'
    // What came of Anna's refresh stands where Bob's is looked for.
    let looked = 0
    const misled = new Gateway({
      ...fleet,
      putNew: async (key, text, ttlMs) => (looked < 3 ? 'there' : fleet.putNew(key, text, ttlMs)),
      get: async () => ({ text: [mine, 'lease of nobody', 'x'.repeat(100)][looked++] }),
    })
    const { asked, status, token } = await misled.enter()
    expect([status, looked]).toEqual([undefined, 3])
    expect(asked.credentialId).toBe(`${house.provider.issuer}#bob`)
    expect(token).not.toBe(anna.token)
  })

  test('do not ask beside a lease that they have seen, when Redis is lost', async () => {
    const own = new FleetRedis()
    own.start()
    try {
      const one = new Gateway(await own.open())
      const fleet = await own.open()
      let looks = 0
      const other = new Gateway({
        ...fleet,
        get: (key) => {
          looks++
          return fleet.get(key)
        },
      })
      const gate = Promise.withResolvers<void>()
      const asked = Promise.withResolvers<void>()
      one.between = async (request) => {
        if (request.url.endsWith('/token')) {
          asked.resolve()
          await gate.promise
        }
        return house.provider.fetch(request)
      }
      const first = one.enter()
      await asked.promise
      const second = other.enter()
      await until(() => looks > 1, 'the lease is seen')
      await own.kill()
      expect((await second).status).toBe(503)
      gate.resolve()
      expect((await first).status).toBeUndefined()
      expect(refreshes()).toBe(1)
    } finally {
      await own[Symbol.asyncDispose]()
    }
  })
})

test('a gateway without a store refreshes once for all who come to it', async () => {
  await begin()
  const gateway = new Gateway(NO_FLEET_STORE)
  const all = await Promise.all(Array.from({ length: 10 }, () => gateway.enter()))
  expect(all.map(({ status }) => status)).toEqual(all.map(() => undefined))
  expect(refreshes()).toBe(1)
})

test('tokens that are shorter than what is remembered of their refresh are refreshed each time', async () => {
  await begin()
  const gateway = new Gateway(NO_FLEET_STORE)
  gateway.between = async (request) => {
    const answer = await house.provider.fetch(request)
    if (!request.url.endsWith('/token')) return answer
    const said = JSON.parse(answer.body.toString())
    return { ...answer, body: Buffer.from(JSON.stringify({ ...said, expires_in: 10 })) }
  }
  const first = await gateway.enter()
  gateway.tools.nowMs += 11_000
  const second = await gateway.enter()
  expect([first.status, second.status, refreshes()]).toEqual([undefined, undefined, 2])
  expect(second.token).not.toBe(first.token)
  gateway.tools.nowMs += 11_000
  expect((await gateway.enter(sendBack(first.cookies))).status).toBeUndefined()
  expect(refreshes()).toBe(3)
})
