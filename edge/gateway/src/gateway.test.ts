import { createHmac, createPublicKey } from 'node:crypto'
import { Agent } from 'node:https'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type Ask } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import { signingInput, TokenIssuer } from './testing/token-issuer.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

let house: House
let door: Running
let order: UpstreamServer
let identity: UpstreamServer
beforeAll(async () => {
  house = await House.build()
  order = await house.service('order-1')
  identity = await house.service('identity-1')
  door = await house.gateway()
})
afterAll(() => house.close())

const get = (path: string, more: Partial<Ask> = {}) =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })
const eventOf = (requestId: unknown) =>
  door.events.filter((event) => event.http?.request?.id === requestId)

describe('a request that may pass', () => {
  it('reaches the service over mutual TLS 1.3 and comes back', async () => {
    const answer = await get('/orders/7?x=%20', { token: house.tokens.token() })
    expect(answer.status).toBe(200)
    expect(answer.json()).toEqual({ from: 'order-1' })
    expect(answer.headers['content-type']).toBe('application/json')
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(order.seen.at(-1)).toMatchObject({
      method: 'GET',
      url: '/orders/7?x=%20',
      tlsVersion: 'TLSv1.3',
    })
  })

  it('brings the token, our ids and the real source, and nobody else', async () => {
    const token = house.tokens.token()
    const answer = await get('/orders', {
      token,
      headers: {
        'x-user-id': 'admin',
        'x-consumer-username': 'admin',
        'x-forwarded-client-cert': 'By=spiffe://x',
        'x-forwarded-for': '6.6.6.6',
        forwarded: 'for=6.6.6.6',
        'x-real-ip': '6.6.6.6',
        x_user_id: 'admin',
        'x-request-id': 'mine',
        traceparent: '00-00000000000000000000000000000001-0000000000000001-01',
        'x-custom': 'kept',
        'x-drop-me': 'x',
        connection: 'keep-alive, x-drop-me, authorization',
      },
    })
    const headers: Record<string, unknown> = order.seen.at(-1)?.headers ?? {}
    expect(headers).toMatchObject({
      authorization: `Bearer ${token}`,
      'x-custom': 'kept',
      'x-request-id': answer.headers['x-request-id'],
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': `127.0.0.1:${door.port}`,
      'x-forwarded-port': String(door.port),
    })
    const trace = String(answer.headers['x-request-id']).replaceAll('-', '')
    expect(headers.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
    expect(Object.keys(headers).sort()).toEqual(
      [
        'authorization',
        'host',
        'traceparent',
        'x-custom',
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-port',
        'x-forwarded-proto',
        'x-request-id',
      ].sort(),
    )
  })

  it('brings its body, is recorded before and after, with what every hop proved', async () => {
    const answer = await get('/orders', {
      method: 'POST',
      token: house.tokens.token(),
      body: '{"item":"a"}',
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.status).toBe(200)
    expect(order.seen.at(-1)).toMatchObject({ method: 'POST', body: '{"item":"a"}' })
    const [intent, outcome, ...others] = eventOf(answer.headers['x-request-id'])
    expect(others).toEqual([])
    expect(intent).toMatchObject({
      action: 'order.create',
      status: 'intent',
      event: { type: ['start'] },
    })
    expect(outcome).toMatchObject({
      action: 'order.create',
      userId: 'user-1',
      user: { name: 'alice', roles: ['customer'] },
      client: { ip: '127.0.0.1' },
      http: { request: { method: 'POST' }, response: { status_code: 200 } },
      url: { path: '/orders' },
      tls: { version: 'TLSv1.3' },
      event: { type: ['access', 'allowed'] },
      countersign: {
        door: 'gateway',
        rule: 'contract order.create: caller gateway, role customer',
        limit: { policy: '1000000/second' },
        downstream: [
          {
            service: 'order',
            instance: 'order-1',
            peer: 'spiffe://test.local/service/order',
            tlsVersion: 'TLSv1.3',
          },
        ],
      },
    })
  })

  it('tells where the caller stands with its limit', async () => {
    const { headers } = await get('/few', { token: house.tokens.token({ sub: 'stands' }) })
    expect(headers).toMatchObject({
      'x-ratelimit-limit-second': '5',
      'x-ratelimit-remaining-second': '4',
      'x-ratelimit-limit-hour': '1000',
      'ratelimit-policy': '"second";q=5;w=1, "hour";q=1000;w=3600',
    })
  })

  it('goes through to a mounted application without a token, whatever the method', async () => {
    const answer = await get('/auth/token?x=1', {
      method: 'POST',
      body: 'grant_type=x',
      headers: { authorization: 'Basic abc' },
    })
    expect(answer.status).toBe(200)
    expect(identity.seen.at(-1)).toMatchObject({
      url: '/auth/token?x=1',
      body: 'grant_type=x',
      headers: { authorization: 'Basic abc' },
    })
  })

  it('keeps one connection for many requests, and an answer of any size whole', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: house.pki.bundle })
    const big = 'x'.repeat(3 * 1024 * 1024)
    order.handler = (seen, response) => {
      if (seen.url === '/orders/big') response.end(big)
      else if (seen.url === '/orders/length') {
        response.writeHead(200, { 'content-length': big.length, 'x-powered-by': 'x', server: 'y' })
        response.end(big)
      } else response.writeHead(204).end()
    }
    const token = house.tokens.token()
    for (let i = 0; i < 3; i++) {
      expect((await get('/orders/big', { token, agent })).body.length).toBe(big.length)
      const known = await get('/orders/length', { token, agent })
      expect(known.body.length).toBe(big.length)
      expect(known.headers['x-powered-by'] ?? known.headers.server).toBeUndefined()
      expect((await get('/orders/none', { token, agent })).status).toBe(204)
    }
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
    agent.destroy()
    order.handler = (_seen, response) => response.end('{}')
  })
})

describe('a request that may not pass', () => {
  const refused = async (
    path: string,
    more: Partial<Ask>,
    expected: { status: number; code: string; hinge: string; rule: RegExp },
  ) => {
    const before = order.seen.length
    const answer = await get(path, more)
    expect(answer.status).toBe(expected.status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    const requestId = answer.headers['x-request-id']
    const problem = answer.json()
    expect(problem).toMatchObject({ status: expected.status, code: expected.code, requestId })
    expect(order.seen.length).toBe(before)
    const [event, ...others] = eventOf(requestId)
    expect(others).toEqual([])
    expect(event).toMatchObject({
      status: expected.status >= 500 ? 'failure' : 'refused',
      event: { code: expected.code },
      http: { response: { status_code: expected.status } },
      countersign: {
        door: 'gateway',
        hinge: expected.hinge,
        rule: expect.stringMatching(expected.rule),
        remedy: expect.any(String),
      },
    })
    expect(await door.metrics.text()).toContain(
      `countersign_refusals_total{code="${expected.code}"}`,
    )
    for (const inner of ['127.0.0.1', 'order-1', 'spiffe', '    at ', '.ts'])
      expect(answer.body).not.toContain(inner)
    return answer
  }
  const unauthorized = {
    status: 401,
    code: 'TOKEN_INVALID',
    hinge: 'authenticate',
    rule: /^token: /,
  }

  it('has no token', async () => {
    const answer = await refused(
      '/orders',
      {},
      { ...unauthorized, code: 'TOKEN_MISSING', rule: /person is required/ },
    )
    expect(answer.headers['www-authenticate']).toBe('Bearer')
  })
  const forger = new TokenIssuer()
  const past = Math.floor(Date.now() / 1000) - 600
  it.each<[string, () => string]>([
    ['expired', () => house.tokens.token({ iat: past, exp: past + 300 })],
    ['forged', () => forger.token()],
    ['with a bent signature', () => `${house.tokens.token().slice(0, -4)}AAAA`],
    ['alg none', () => `${signingInput({ alg: 'none', typ: 'at+jwt' }, house.tokens.claims())}.`],
    [
      'HS256 with the public key',
      () => {
        const input = signingInput(
          { alg: 'HS256', kid: 'k1', typ: 'at+jwt' },
          house.tokens.claims(),
        )
        const pem = createPublicKey({ key: house.tokens.jwk, format: 'jwk' }).export({
          format: 'pem',
          type: 'spki',
        })
        return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
      },
    ],
    ['for another audience', () => house.tokens.token({ aud: 'else' })],
    ['of another issuer', () => house.tokens.token({ iss: 'https://evil.example' })],
    ['an ID token', () => house.tokens.token({}, { typ: 'JWT' })],
    ['not valid yet', () => house.tokens.token({ nbf: past + 6_000 })],
    [
      'bound to a certificate',
      () =>
        house.tokens.token({ cnf: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' } }),
    ],
    ['no token at all', () => 'abc'],
  ])('has a token that is %s', async (_what, token) => {
    const answer = await refused('/orders', { token: token() }, unauthorized)
    expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"')
  })
  it('has two credentials', async () => {
    await refused(
      '/orders',
      { headers: { authorization: ['Bearer a', 'Bearer b'].join(', ') } },
      { status: 400, code: 'REQUEST_INVALID', hinge: 'parse', rule: /credentials/ },
    )
  })
  it('lacks the role', async () => {
    await refused(
      '/orders/7',
      { method: 'DELETE', token: house.tokens.token() },
      {
        status: 403,
        code: 'ROLE_MISSING',
        hinge: 'authorise',
        rule: /roles are admin; alice has customer/,
      },
    )
  })
  it('has no route', async () => {
    for (const path of ['/nothing', '/orders/7/x', '/ordersX', '/Orders', '/inner'])
      await refused(
        path,
        { token: house.tokens.token() },
        { status: 404, code: 'ROUTE_UNKNOWN', hinge: 'parse', rule: /no contract/ },
      )
  })
  it('has another method', async () => {
    const answer = await refused(
      '/orders',
      { method: 'PUT' },
      { status: 405, code: 'METHOD_NOT_ALLOWED', hinge: 'parse', rule: /PUT/ },
    )
    expect(answer.headers.allow).toBe('GET, POST')
  })
  it('has an ambiguous path', async () => {
    for (const path of [
      '/orders/..%2fadmin',
      '/orders/%2e%2e/x',
      '/orders//7',
      '/orders;x',
      '/orders/%5c',
      '/%00',
      '/orders/%25x',
    ])
      await refused(
        path,
        { token: house.tokens.token() },
        { status: 400, code: 'REQUEST_INVALID', hinge: 'parse', rule: /^request: / },
      )
  })
  it('has a too long address', async () => {
    await refused(
      `/${'a'.repeat(9_000)}`,
      {},
      { status: 414, code: 'URI_TOO_LONG', hinge: 'parse', rule: /8192 bytes/ },
    )
  })
  it('has too many headers', async () => {
    const headers = Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`x-h${i}`, 'v']))
    await refused(
      '/orders',
      { headers },
      { status: 431, code: 'HEADERS_TOO_LARGE', hinge: 'parse', rule: /100 headers/ },
    )
  })
  it('is for another host', async () => {
    await refused(
      '/orders',
      { headers: { host: 'evil.example' } },
      { status: 421, code: 'HOST_UNKNOWN', hinge: 'parse', rule: /GATEWAY_HOSTS/ },
    )
    await refused(
      '/orders',
      { headers: { host: 'localhost@evil' } },
      { status: 400, code: 'REQUEST_INVALID', hinge: 'parse', rule: /well-formed Host/ },
    )
  })
  it('has a too large body, and says so before it is read', async () => {
    const large = {
      status: 413,
      code: 'BODY_TOO_LARGE',
      hinge: 'parse',
      rule: /at most 65536 bytes/,
    }
    const token = house.tokens.token()
    const body = 'x'.repeat(70_000)
    const answer = await refused('/orders', { method: 'POST', token, body }, large)
    expect(answer.headers.connection).toBe('close')
  })
  it('has a body where there is none', async () => {
    await refused(
      '/orders',
      { token: house.tokens.token(), body: 'x' },
      { status: 400, code: 'REQUEST_INVALID', hinge: 'parse', rule: /GET with a body/ },
    )
  })
  it('cannot be recorded before it has an effect', async () => {
    door.audit.full = true
    const full = { status: 503, code: 'AUDIT_UNAVAILABLE', hinge: 'record', rule: /spool is full/ }
    const token = house.tokens.token()
    await refused('/orders', { method: 'POST', token, body: '{}' }, full).finally(() => {
      door.audit.full = false
    })
    // What changes nothing goes on.
    door.audit.full = true
    expect((await get('/orders', { token })).status).toBe(200)
    door.audit.full = false
  })
})
