import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TestDirectory } from '../testing/directory.ts'
import { FakeRequest, type Given } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { type TestTools, testTools } from '../testing/tools.ts'
import { openidConnect } from './openid-connect.ts'
import { CLIENT, REDIRECT, type RealProvider, startRealProvider } from './real-provider.fixture.ts'

let provider: RealProvider
let tools: TestTools
beforeAll(async () => {
  provider = await startRealProvider()
})
afterAll(() => provider[Symbol.asyncDispose]())
beforeEach(() => {
  provider.introspections = 0
  tools = testTools({ fetch: provider.fetch, directory: new TestDirectory() })
  tools.nowMs = Date.now()
})

const config = (changes: Record<string, unknown> = {}) => ({
  ...{ issuer: provider.issuer, ...CLIENT, redirect_uri: [REDIRECT] },
  ...{ auth_methods: ['authorization_code', 'session'], session_secret: 'x'.repeat(32) },
  ...{ scopes: ['openid', 'profile'], ...changes },
})
const page: Given = {
  ...{ path: '/orders', query: 'a=1&b=%2F', host: 'gate.test' },
  headers: ['Accept', 'text/html,*/*'],
}
async function ask(given: Given, changes: Record<string, unknown> = {}) {
  const asked = new FakeRequest({ host: 'gate.test', ...given })
  const refusal = await access(instanceOf(openidConnect, config(changes), tools), asked)
  const headers = [...(asked.answered?.headers ?? []), ...asked.answerHeaders.flat]
  const all = (name: string) => headers.filter((_, i) => i % 2 === 1 && headers[i - 1] === name)
  return { asked, refusal, location: all('location')[0] ?? '', cookies: all('set-cookie') }
}
/** `name=value` of cookies that are set, as a browser sends them back. */
const sendBack = (cookies: readonly string[]): string =>
  cookies
    .filter((line) => !line.includes('Max-Age=0'))
    .map((line) => line.split(';', 1)[0] ?? '')
    .join('; ')

/** A browser that has been sent to log in, and has done so. */
async function begun(changes: Record<string, unknown> = {}) {
  const sent = await ask(page, changes)
  const back = new URL(await provider.logIn(sent.location))
  const given = { path: back.pathname, query: back.search.slice(1) }
  return { sent, given, cookie: sendBack(sent.cookies) }
}
async function loggedIn(changes: Record<string, unknown> = {}) {
  const { given, cookie } = await begun(changes)
  const done = await ask({ ...given, headers: ['Cookie', cookie] }, changes)
  return { done, cookie: sendBack(done.cookies) }
}

describe('a login', () => {
  test('sends a browser away with PKCE, state and nonce, and back to where it was', async () => {
    const { sent, given, cookie } = await begun()
    const url = new URL(sent.location)
    expect(url.origin).toBe(provider.issuer)
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      ...{ client_id: 'shop', redirect_uri: REDIRECT, response_type: 'code' },
      ...{ scope: 'openid profile', code_challenge_method: 'S256' },
      ...{ state: expect.stringMatching(/^.{43}$/), nonce: expect.stringMatching(/^.{43}$/) },
    })
    expect(sent.cookies[0]).toMatch(
      /^authorization=[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    )
    const done = await ask({ ...given, headers: ['Cookie', cookie] })
    expect(done.refusal).toBeUndefined()
    expect([done.asked.answered?.status, done.location]).toEqual([302, '/orders?a=1&b=%2F'])
    expect(done.cookies).toEqual([
      expect.stringMatching(/^session=[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
      expect.stringMatching(/^authorization=; .*Max-Age=0$/),
    ])
  })

  test('makes a session that proves who asks, and that the service does not see', async () => {
    const { cookie } = await loggedIn()
    const { asked, refusal } = await ask({ headers: ['Cookie', `a=1; ${cookie}; b=2`] })
    expect(refusal).toBeUndefined()
    expect(asked.credentialId).toBe(`${provider.issuer}#anna`)
    expect(asked.upstream.headers.get('cookie')).toBe('a=1; b=2')
    expect(asked.upstream.headers.get('authorization')).toMatch(/^Bearer .+/)
    expect(asked.answered).toBeUndefined()
    expect(asked.answerHeaders.flat).toEqual([])
  })

  test('is held to what the operator asks for', async () => {
    const { cookie } = await loggedIn()
    const headers = ['Cookie', cookie]
    expect((await ask({ headers }, { roles_required: ['admin'] })).refusal).toBeUndefined()
    expect((await ask({ headers }, { roles_required: ['root'] })).refusal?.status).toBe(403)
  })

  test.each<[string, Given]>([
    ['a program', { headers: ['Accept', 'application/json'] }],
    ['a form', { method: 'POST', headers: ['Accept', 'text/html'] }],
    [
      'who brings another credential',
      { headers: ['Accept', 'text/html', 'Authorization', 'Basic eA=='] },
    ],
  ])('is not begun for %s: 401', async (_, given) => {
    const { refusal, asked } = await ask(given)
    expect([refusal?.status, asked.answered]).toEqual([401, undefined])
  })

  test('B23: never leads to another host', async () => {
    const sent = await ask({ ...page, path: '//evil.test/\\x', query: '' })
    const back = new URL(await provider.logIn(sent.location))
    const headers = ['Cookie', sendBack(sent.cookies)]
    const done = await ask({ path: back.pathname, query: back.search.slice(1), headers })
    expect(done.location).toBe('/evil.test/\\x')
  })

  test('is 503 where the issuer is away', async () => {
    tools = testTools({ fetch: () => Promise.reject(new Error('away')) })
    expect((await ask(page)).refusal?.status).toBe(503)
  })
})

describe('the way back is refused', () => {
  test('in another browser', async () => {
    const { given } = await begun()
    expect((await ask(given)).refusal?.status).toBe(401)
    const { cookie } = await begun()
    expect((await ask({ ...given, headers: ['Cookie', cookie] })).refusal?.status).toBe(401)
  })

  test('twice', async () => {
    const { given, cookie } = await begun()
    expect((await ask({ ...given, headers: ['Cookie', cookie] })).refusal).toBeUndefined()
    const again = await ask({ ...given, headers: ['Cookie', cookie] })
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
    const { given, cookie } = await begun()
    const query = change(given.query)
    expect(query).not.toBe(given.query)
    const { refusal, cookies } = await ask({ ...given, query, headers: ['Cookie', cookie] })
    expect([refusal?.status, cookies]).toEqual([401, []])
  })

  test('too late', async () => {
    const { given, cookie } = await begun()
    tools.nowMs += 600_000
    expect((await ask({ ...given, headers: ['Cookie', cookie] })).refusal?.status).toBe(401)
  })
})

describe('a session', () => {
  let cookie: string
  beforeAll(async () => {
    tools = testTools({ fetch: provider.fetch })
    tools.nowMs = Date.now()
    cookie = (await loggedIn()).cookie
  })
  const status = async (headers: string, changes: Record<string, unknown> = {}) =>
    (await ask({ headers: ['Cookie', headers] }, changes)).refusal?.status

  test.each<[string, (cookie: string) => string]>([
    [
      'changed',
      (text) => `${text.slice(0, -3)}${text.at(-3) === 'A' ? 'B' : 'A'}${text.slice(-2)}`,
    ],
    ['cut', (text) => text.slice(0, -4)],
    ['empty', () => 'session='],
    ['no base64url', () => 'session=%%%'],
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
    const { cookie: waiting } = await begun()
    expect(await status(waiting.replace('authorization=', 'session='))).toBe(401)
  })

  test('ends when nobody asks, goes on when somebody does, and ends at last', async () => {
    tools.nowMs += 899_000
    const { cookies, refusal } = await ask({ headers: ['Cookie', cookie] })
    expect(refusal).toBeUndefined()
    const anew = sendBack(cookies)
    expect(anew).not.toBe(cookie)
    tools.nowMs += 100_000
    expect(await status(cookie)).toBe(401)
    expect(await status(anew)).toBeUndefined()
    let last = anew
    for (let i = 0; i < 200; i++) {
      tools.nowMs += 600_000
      const next = await ask({ headers: ['Cookie', last] })
      if (next.refusal !== undefined) break
      last = sendBack(next.cookies)
    }
    expect(tools.nowMs - Date.now()).toBeLessThan(86_400_000 + 600_000)
    expect(await status(last)).toBe(401)
  })

  test('is ended here and at the issuer', async () => {
    const changes = { logout_uri_suffix: '/logout', logout_redirect_uri: ['https://gate.test/bye'] }
    const headers = ['Cookie', cookie]
    const given = { method: 'POST', path: '/orders/logout', headers }
    const { location, cookies } = await ask(given, changes)
    expect(cookies).toEqual([expect.stringMatching(/^session=; .*Max-Age=0$/)])
    expect(location).toMatch(/session\/end\?client_id=shop&post_logout_redirect_uri=https%3A/)
    const other = await ask({ ...given, method: 'GET' }, changes)
    expect(other.asked.answered).toBeUndefined()
  })
})

describe('introspection', () => {
  const introspecting = (changes: Record<string, unknown> = {}) => ({
    ...{ auth_methods: ['introspection'], session_secret: null, redirect_uri: null },
    ...{ audience_required: ['orders'], credential_claim: ['client_id'], ...changes },
  })
  const bearer = (token: string) => ({ headers: ['Authorization', `Bearer ${token}`] })

  test('asks the issuer once for a token, and again when its time is over', async () => {
    const token = await provider.token('read')
    const instance = instanceOf(openidConnect, config(introspecting()), tools)
    const again = async () => {
      const asked = new FakeRequest(bearer(token))
      return [(await access(instance, asked))?.status, asked.credentialId]
    }
    const good = [undefined, `${provider.issuer}#shop`]
    expect(await Promise.all([again(), again(), again()])).toEqual([good, good, good])
    expect(await again()).toEqual(good)
    expect(provider.introspections).toBe(1)
    tools.nowMs += 60_000
    expect(await again()).toEqual(good)
    expect(provider.introspections).toBe(2)
  })

  test('holds scopes and audience; a token that nobody knows is remembered for a while', async () => {
    const token = await provider.token('read')
    const status = async (text: string, changes: Record<string, unknown> = {}) =>
      (await ask(bearer(text), introspecting(changes))).refusal?.status
    expect(await status(token, { scopes_required: ['read'] })).toBeUndefined()
    expect(await status(token, { scopes_required: ['write'] })).toBe(403)
    expect(await status(token, { audience_required: ['payments'] })).toBe(401)
    provider.introspections = 0
    const instance = instanceOf(openidConnect, config(introspecting()), tools)
    for (const _ of [1, 2])
      expect((await access(instance, new FakeRequest(bearer('unknown'))))?.status).toBe(401)
    expect(provider.introspections).toBe(1)
  })

  test('lets nobody pass where it cannot ask, or with the wrong secret', async () => {
    const token = await provider.token('read')
    const wrong = introspecting({ client_secret: ['wrong'] })
    expect((await ask(bearer(token), wrong)).refusal?.status).toBe(503)
    tools = testTools({ fetch: () => Promise.reject(new Error('away')) })
    expect((await ask(bearer(token), introspecting())).refusal?.status).toBe(503)
  })
})
