import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PAIR_BUCKET } from '../limits.ts'
import { createBrowser } from '../testing/browser.ts'
import { startTestDatabases } from '../testing/database.ts'
import { type Harness, startHarness } from '../testing/harness.ts'

let databases: Awaited<ReturnType<typeof startTestDatabases>>
let harness: Harness
beforeAll(async () => {
  databases = await startTestDatabases()
})
afterAll(() => databases?.stop())
beforeEach(async () => {
  harness = await startHarness({ databaseUrl: await databases.url() })
  return () => harness.close()
})
/** A browser with the login page open. */
async function openLogin(ip = '192.0.2.1') {
  const fetch = harness.fetchAs()
  const browser = createBrowser(((url: string, init: RequestInit) =>
    fetch(url, {
      ...init,
      headers: { ...(init.headers as object), 'x-forwarded-for': `203.0.113.99, ${ip}` },
    })) as typeof globalThis.fetch)
  const start = new URL(`${harness.issuer}/authorize`)
  start.search = new URLSearchParams({
    ...{ client_id: 'countersign-cli', redirect_uri: 'http://127.0.0.1:45678/callback' },
    ...{ response_type: 'code', scope: 'openid', code_challenge_method: 'S256' },
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  }).toString()
  const { url, response } = await browser.follow(start.href)
  if (response === undefined) throw new Error('no login page')
  return { browser, url, page: response, html: await response.text() }
}
const wrong = { username: 'customer', password: 'wrong' }
const right = () => {
  const { username, password } = harness.people.named('customer')
  return { username, password }
}

describe('the login page', () => {
  test('loads nothing, runs nothing and cannot be framed', async () => {
    const { page, html } = await openLogin()
    expect(page.status).toBe(200)
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("form-action 'self' http://127.0.0.1:45678")
    expect(policy).not.toContain('unsafe')
    expect(page.headers.get('x-frame-options')).toBe('DENY')
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(html).not.toMatch(/<script|\son\w+=|src=|href=/)
  })
  test('keeps its cookies to itself', async () => {
    const { browser } = await openLogin()
    const start = `${harness.issuer}/authorize?client_id=console`
    const response = await browser.send(start)
    for (const line of response.headers.getSetCookie()) {
      expect(line).toMatch(/^__Secure-.*; path=\/auth.*; secure; httponly/i)
      expect(line).toMatch(/samesite=lax/i)
    }
  })
  test('says the same, as slowly, of an unknown name and a wrong password', async () => {
    const seen = async (username: string) => {
      const { browser, url } = await openLogin()
      const begin = performance.now()
      const response = await browser.post(url, { username, password: 'wrong' })
      const body = await response.text()
      return { body, status: response.status, ms: performance.now() - begin }
    }
    type Seen = Awaited<ReturnType<typeof seen>>
    const known: Seen[] = []
    const unknown: Seen[] = []
    // The quickest of each: a busy machine only ever adds. The store answers 60 ms apart.
    const quickest = (all: Seen[]): number => Math.min(...all.map(({ ms }) => ms))
    const apart = (): number => Math.abs(quickest(known) - quickest(unknown))
    // Four of each, and up to eight while the machine has not been quiet once.
    for (let i = 0; i < 4 || (i < 8 && apart() >= 30); i++) {
      known.push(await seen('customer'))
      unknown.push(await seen('nobody-of-this-name'))
    }
    const [first] = known
    expect(first?.status).toBe(403)
    for (const { body, status } of [...known, ...unknown]) {
      expect({ body, status }).toEqual({ body: first?.body, status: 403 })
    }
    expect(apart()).toBeLessThan(30)
  })
  test('records who came from where, and neither password nor claimed address', async () => {
    const { browser, url } = await openLogin('198.51.100.7')
    await browser.post(url, { username: ' CUSTOMER', password: 'wrong-and-secret' })
    await browser.post(url, right())
    expect(harness.events[0]).toMatchObject({
      ...{ action: 'login.failure', status: 'refused', userId: null },
      ...{ user: { name: 'customer' }, client: { workload: 'gateway', ip: '198.51.100.7' } },
    })
    expect(harness.events[1]).toMatchObject({
      ...{ action: 'login.success', status: 'success', userId: 'person-customer' },
      user: { name: 'customer', roles: ['customer'] },
    })
    expect(JSON.stringify(harness.events) + harness.lines.join('')).not.toContain('secret')
  })
  test('stops guessing with 429 and lets the owner in from elsewhere', async () => {
    const { browser, url } = await openLogin()
    await Promise.all(Array.from({ length: PAIR_BUCKET.burst }, () => browser.post(url, wrong)))
    const refused = await browser.post(url, right())
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50)
    expect(harness.events.at(-1)).toMatchObject({ action: 'login.throttled', status: 'refused' })
    const elsewhere = await openLogin('198.51.100.7')
    expect((await elsewhere.browser.post(elsewhere.url, right())).status).toBe(303)
    const text = await harness.metrics().text()
    expect(text).toContain('identity_logins_total{outcome="throttled"} 1')
    expect(text).toContain(`identity_logins_total{outcome="failure"} ${PAIR_BUCKET.burst}`)
  })
  test('counts a name as one however it is spelled', async () => {
    const { browser, url } = await openLogin()
    const spelled = ['customer', 'Customer', ' customer', 'ｃustomer', 'CUSTOMER ']
    await Promise.all(
      Array.from({ length: PAIR_BUCKET.burst }, (_, i) =>
        browser.post(url, { username: spelled[i % spelled.length] ?? '', password: 'wrong' }),
      ),
    )
    expect((await browser.post(url, right())).status).toBe(429)
  })
  test('says so when passwords cannot be checked, and counts nothing', async () => {
    const { browser, url } = await openLogin()
    harness.people.state.away = true
    for (let i = 0; i < PAIR_BUCKET.burst + 1; i++) {
      expect((await browser.post(url, right())).status).toBe(503)
    }
    expect(harness.events.at(-1)).toMatchObject({ action: 'login.failure', status: 'failure' })
    harness.people.state.away = false
    expect((await browser.post(url, right())).status).toBe(303)
  })
})

describe('a login form counts only', () => {
  test('in the browser in which it was begun', async () => {
    const { url } = await openLogin()
    const stranger = createBrowser(harness.fetchAs())
    const response = await stranger.post(url, right())
    expect(response.status).toBe(400)
    expect(harness.events).toHaveLength(0)
  })
  test('for its own interaction', async () => {
    const mine = await openLogin()
    const other = await openLogin()
    const cookie = [...mine.browser.jar].map(([name, { value }]) => `${name}=${value}`).join('; ')
    const stranger = createBrowser(harness.fetchAs())
    expect((await stranger.post(other.url, right(), { cookie })).status).toBe(400)
  })
  test.each(['cross-site', 'same-site', 'none'])('not when it is sent %s', async (site) => {
    const { browser, url } = await openLogin()
    const response = await browser.post(url, right(), { 'sec-fetch-site': site })
    expect(response.status).toBe(400)
    expect(harness.events).toHaveLength(0)
  })
  test('when it is a form, with each field once and of a sane length', async () => {
    const { browser, url } = await openLogin()
    const send = (body: string, type = 'application/x-www-form-urlencoded') =>
      browser.send(url, { method: 'POST', body, headers: { 'content-type': type } })
    const { username, password } = right()
    expect((await send(JSON.stringify(right()), 'application/json')).status).toBe(400)
    expect((await send(`username=${username}`)).status).toBe(400)
    expect((await send(`username=a&username=${username}&password=${password}`)).status).toBe(400)
    expect((await send(`username=a&password=${'x'.repeat(20_000)}`)).status).toBe(400)
    expect((await send(`username=${'a'.repeat(9_000)}&password=x`)).status).toBe(403)
    expect((await send(`username=${username}&password=${'x'.repeat(2_000)}`)).status).toBe(403)
    expect((await browser.send(url, { method: 'PUT' })).status).toBe(400)
    expect((await send(`username=${username}&password=${password}`)).status).toBe(303)
  })
})

test('what is not there is a problem with a request id', async () => {
  const fetch = harness.fetchAs()
  for (const path of ['/nothing', '/interaction/x', '/me', '/reg', '/token/introspection']) {
    const response = await fetch(`${harness.issuer}${path}`)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ code: 'ROUTE_UNKNOWN' })
  }
  const outside = await fetch(new URL('/elsewhere', harness.issuer).href)
  expect(await outside.json()).toMatchObject({
    code: 'ROUTE_UNKNOWN',
    requestId: expect.stringMatching(/^test-/),
  })
})
