import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Changes, LoginHouse, PAGE, sendBack } from './login-house.fixture.ts'

let house: LoginHouse
let cookie: string
/** When everybody has logged in, by the clock of the tests. */
let start: number
beforeAll(async () => {
  house = await LoginHouse.open()
})
afterAll(() => house[Symbol.asyncDispose]())
const status = async (headers: string, changes: Changes = {}) =>
  (await house.ask({ headers: ['Cookie', headers] }, changes)).refusal?.status

describe('a session', () => {
  beforeAll(async () => {
    cookie = (await house.loggedIn()).cookie
    start = house.tools.nowMs
  })
  beforeEach(() => {
    house.tools.nowMs = start
  })

  test.each<[string, (cookie: string) => string]>([
    [
      'changed',
      (text) => `${text.slice(0, -3)}${text.at(-3) === 'A' ? 'B' : 'A'}${text.slice(-2)}`,
    ],
    ['cut', (text) => text.slice(0, -4)],
    ['empty', () => '__Host-session='],
    ['no base64url', () => '__Host-session=%%%'],
    ['there twice', (text) => `${text}; ${text}`],
  ])('%s is none', async (_, change) => {
    expect(await status(cookie)).toBeUndefined()
    expect(await status(change(cookie))).toBe(401)
  })

  test('of another audience, secret or client is none', async () => {
    expect(await status(cookie, { session_audience: 'other' })).toBe(401)
    expect(await status(cookie, { session_secret: 'y'.repeat(32) })).toBe(401)
    expect(await status(cookie, { client_id: ['desk'] })).toBe(401)
  })

  test('that waits for its login is none', async () => {
    const { cookie: waiting } = await house.begun()
    expect(await status(waiting.replace('__Host-authorization=', '__Host-session='))).toBe(401)
  })

  test('ends when nobody asks, goes on when somebody does, and ends at last', async () => {
    house.tools.nowMs += 899_999
    const { cookies, refusal } = await house.ask({ headers: ['Cookie', cookie] })
    expect(refusal).toBeUndefined()
    let last = sendBack(cookies)
    expect(last).not.toBe(cookie)
    house.tools.nowMs += 100_000
    expect(await status(cookie)).toBe(401)
    for (let i = 0; i < 200; i++) {
      const next = await house.ask({ headers: ['Cookie', last] })
      if (next.refusal !== undefined) break
      if (next.cookies.length > 0) last = sendBack(next.cookies)
      house.tools.nowMs += 600_000
    }
    // Over a day it was refreshed each hour, and then a day is all.
    expect(Math.floor((house.tools.nowMs - start) / 600_000)).toBe(144)
    expect(await status(last)).toBe(401)
  })
})

describe('the tokens of a session', () => {
  const LONG = { session_idling_timeout: 86_400, session_rolling_timeout: 86_400 }
  const enter = async (by: string, changes: Changes = {}) => {
    const came = await house.ask({ headers: ['Cookie', by] }, { ...LONG, ...changes })
    const token = came.asked.upstream.headers.get('authorization')
    return { ...came, token, status: came.refusal?.status }
  }
  const refreshes = () => house.provider.asked.filter((path) => path === '/token').length
  beforeEach(async () => {
    house.start()
    cookie = (await house.loggedIn(LONG)).cookie
    house.provider.asked.length = 0
  })

  test('are refreshed once for all who come, a little before their end', async () => {
    house.tools.nowMs += 3_569_999
    const { token, cookies } = await enter(cookie)
    expect([cookies.length, refreshes()]).toEqual([0, 0])
    house.tools.nowMs += 1
    const all = await Promise.all([enter(cookie), enter(cookie), enter(cookie)])
    expect(new Set(all.map((one) => one.token)).size).toBe(1)
    expect(all[0]?.token).not.toBe(token)
    expect(all.map((one) => one.status)).toEqual([undefined, undefined, undefined])
    house.tools.nowMs += 59_999
    const late = await enter(cookie)
    expect([late.token, refreshes()]).toEqual([all[0]?.token, 1])
    // The next refresh takes the token that came with this one.
    const anew = sendBack(late.cookies)
    house.tools.nowMs += 3_600_000
    expect((await enter(anew)).status).toBeUndefined()
    expect(refreshes()).toBe(2)
    const told = JSON.stringify(house.tools.lines)
    for (const { token: one = '' } of all) expect(told).not.toContain(one.slice(7))
  })

  test('are good to their end where the issuer refuses new ones; then it is a login again', async () => {
    await house.provider.forget()
    house.tools.nowMs += 3_599_999
    expect((await enter(cookie)).status).toBeUndefined()
    expect(refreshes()).toBe(1)
    house.tools.nowMs += 1
    expect((await enter(cookie)).status).toBe(401)
    const headers = ['Accept', 'text/html', 'Cookie', cookie]
    const { asked, location } = await house.ask({ ...PAGE, headers }, LONG)
    expect([asked.answered?.status, new URL(location).origin]).toEqual([302, house.provider.issuer])
    expect(refreshes()).toBe(1)
  })

  test('wait for an issuer that is away: 503, and on they go', async () => {
    house.away()
    house.tools.nowMs += 3_599_000
    expect((await enter(cookie)).status).toBeUndefined()
    house.tools.nowMs += 1_000
    expect((await enter(cookie)).status).toBe(503)
    house.between = house.provider.fetch
    house.tools.nowMs += 2_000
    expect((await enter(cookie)).status).toBeUndefined()
  })

  test('of somebody else end it', async () => {
    let theirs: Buffer | undefined
    house.between = async (request) => {
      const answer = await house.provider.fetch(request)
      if (!request.url.endsWith('/token')) return answer
      theirs ??= answer.body
      return { ...answer, body: theirs }
    }
    house.provider.who = 'bob'
    await house.loggedIn(LONG)
    house.provider.who = 'anna'
    house.tools.nowMs += 3_600_000
    expect((await enter(cookie)).status).toBe(401)
    expect(JSON.stringify(house.tools.lines)).toContain('somebody else')
  })

  test('are not refreshed where the operator does not want it', async () => {
    house.tools.nowMs += 3_599_999
    expect((await enter(cookie, { refresh_tokens: false })).status).toBeUndefined()
    house.tools.nowMs += 1
    expect((await enter(cookie, { refresh_tokens: false })).status).toBe(401)
    expect(refreshes()).toBe(0)
  })
})

describe('a logout', () => {
  const BYE = 'https://gate.test/bye'
  const changes = { logout_uri_suffix: '/logout', logout_redirect_uri: [BYE] }
  const leave = (method = 'POST', more: Changes = {}) =>
    house.ask(
      { method, path: '/orders/logout', headers: ['Cookie', cookie] },
      { ...changes, ...more },
    )
  beforeEach(async () => {
    house.start()
    cookie = (await house.loggedIn()).cookie
    house.provider.asked.length = 0
  })

  test('ends the session here, and leads to the issuer to end it there', async () => {
    const { location, cookies } = await leave()
    expect(cookies).toEqual([expect.stringMatching(/^__Host-session=; .*Max-Age=0$/)])
    const url = new URL(location)
    expect(url.pathname).toBe('/session/end')
    const { id_token_hint: hint = '', ...rest } = Object.fromEntries(url.searchParams)
    expect(rest).toEqual({ client_id: 'shop', post_logout_redirect_uri: BYE })
    const [, claims = ''] = hint.split('.')
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ sub: 'anna' })
    // The issuer takes it for what it is: it asks whether to log out, and complains of nothing.
    expect((await house.provider.fetch({ url: location })).status).toBe(200)
    expect((await leave('GET')).asked.answered).toBeUndefined()
  })

  test('takes the tokens back where the operator wants it', async () => {
    const { asked } = await house.ask({ headers: ['Cookie', cookie] })
    const authorization = asked.upstream.headers.get('authorization') ?? ''
    const me = async () => {
      const url = `${house.provider.issuer}/me`
      return (await house.provider.fetch({ url, headers: { authorization } })).status
    }
    expect(await me()).toBe(200)
    await leave('POST', { logout_revoke: true })
    expect(house.provider.asked.filter((path) => path.endsWith('/revocation')).length).toBe(2)
    expect(await me()).toBe(401)
  })

  test('needs no issuer to end the session here', async () => {
    house.start()
    house.away()
    const { location, cookies } = await leave('POST', { logout_revoke: true })
    expect([location, cookies.length]).toEqual([BYE, 1])
  })
})
