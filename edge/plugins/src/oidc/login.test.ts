import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Given } from '../testing/exchange.ts'
import { testTools } from '../testing/tools.ts'
import { LoginHouse, PAGE, sendBack } from './login-house.fixture.ts'
import { REDIRECT } from './real-provider.fixture.ts'

let house: LoginHouse
beforeAll(async () => {
  house = await LoginHouse.open()
})
afterAll(() => house[Symbol.asyncDispose]())
beforeEach(() => void house.start())

describe('a login', () => {
  test('sends a browser away with PKCE, state and nonce, and back to where it was', async () => {
    const { sent, given, cookie } = await house.begun()
    const url = new URL(sent.location)
    expect(url.origin).toBe(house.provider.issuer)
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      ...{ client_id: 'shop', redirect_uri: REDIRECT, response_type: 'code' },
      ...{ scope: 'openid profile', code_challenge_method: 'S256' },
      ...{ state: expect.stringMatching(/^.{43}$/), nonce: expect.stringMatching(/^.{43}$/) },
    })
    expect(sent.cookies[0]).toMatch(
      /^__Host-authorization=[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    const done = await house.ask({ ...given, headers: ['Cookie', cookie] })
    expect(done.refusal).toBeUndefined()
    expect([done.asked.answered?.status, done.location]).toEqual([302, '/orders?a=1&b=%2F'])
    expect(done.cookies).toEqual([
      expect.stringMatching(/^__Host-session=[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
      expect.stringMatching(/^__Host-authorization=; .*Max-Age=0$/),
    ])
  })

  test('makes a session that proves who asks, and that the service does not see', async () => {
    const { cookie } = await house.loggedIn()
    const { asked, refusal } = await house.ask({ headers: ['Cookie', `a=1; ${cookie}; b=2`] })
    expect(refusal).toBeUndefined()
    expect(asked.credentialId).toBe(`${house.provider.issuer}#anna`)
    expect(asked.upstream.headers.get('cookie')).toBe('a=1; b=2')
    expect(asked.upstream.headers.get('authorization')).toMatch(/^Bearer .+/)
    expect(asked.answered).toBeUndefined()
    expect(asked.answerHeaders.flat).toEqual([])
  })

  test('is held to what the operator asks for', async () => {
    const { cookie } = await house.loggedIn()
    const headers = ['Cookie', cookie]
    expect((await house.ask({ headers }, { roles_required: ['admin'] })).refusal).toBeUndefined()
    expect((await house.ask({ headers }, { roles_required: ['root'] })).refusal?.status).toBe(403)
  })

  test.each<[string, Given]>([
    ['a program', { headers: ['Accept', 'application/json'] }],
    ['a form', { method: 'POST', headers: ['Accept', 'text/html'] }],
    [
      'who brings another credential',
      { headers: ['Accept', 'text/html', 'Authorization', 'Basic eA=='] },
    ],
  ])('is not begun for %s: 401', async (_, given) => {
    const { refusal, asked } = await house.ask(given)
    expect([refusal?.status, asked.answered]).toEqual([401, undefined])
  })

  test('B23: never leads to another host', async () => {
    const sent = await house.ask({ ...PAGE, path: '//evil.test/\\x', query: '' })
    const back = new URL(await house.provider.logIn(sent.location))
    const headers = ['Cookie', sendBack(sent.cookies)]
    const done = await house.ask({ path: back.pathname, query: back.search.slice(1), headers })
    expect(done.location).toBe('/evil.test/\\x')
  })

  test('is 503 where the issuer is away', async () => {
    house.tools = testTools({ fetch: () => Promise.reject(new Error('away')) })
    expect((await house.ask(PAGE)).refusal?.status).toBe(503)
  })
})

describe('the way back is refused', () => {
  test('in another browser', async () => {
    const { given } = await house.begun()
    expect((await house.ask(given)).refusal?.status).toBe(401)
    const { cookie } = await house.begun()
    expect((await house.ask({ ...given, headers: ['Cookie', cookie] })).refusal?.status).toBe(401)
  })

  test('twice', async () => {
    const { given, cookie } = await house.begun()
    expect((await house.ask({ ...given, headers: ['Cookie', cookie] })).refusal).toBeUndefined()
    const again = await house.ask({ ...given, headers: ['Cookie', cookie] })
    expect(again.refusal?.status).toBe(401)
    expect(again.cookies).toEqual([])
  })

  test.each<[string, (query: string) => string]>([
    ['with another state', (query) => query.replace(/state=[^&]+/, 'state=x')],
    ['without a state', (query) => query.replace(/&?state=[^&]+/, '')],
    ['with another code', (query) => query.replace(/code=[^&]+/, 'code=x')],
    ['with a second state', (query) => `${query}&state=x`],
    ['of another issuer', (query) => query.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.test')],
    ['without its issuer', (query) => query.replace(/&?iss=[^&]+/, '')],
    ['with an error', (query) => query.replace(/code=[^&]+/, 'error=access_denied')],
  ])('%s', async (_, change) => {
    const { given, cookie } = await house.begun()
    const query = change(given.query)
    expect(query).not.toBe(given.query)
    const { refusal, cookies } = await house.ask({ ...given, query, headers: ['Cookie', cookie] })
    expect([refusal?.status, cookies]).toEqual([401, []])
  })

  test('too late', async () => {
    const { given, cookie } = await house.begun()
    house.tools.nowMs += 600_000
    expect((await house.ask({ ...given, headers: ['Cookie', cookie] })).refusal?.status).toBe(401)
  })
})
