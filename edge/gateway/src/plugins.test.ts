import type { KongConfig, Plugin } from '@countersign/kong'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Answer, type Ask, ask } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import { kongConsumer, kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import { keyPlugin, Seen, testPlugin } from './testing/test-plugins.ts'

let house: House
let seen: Seen
beforeEach(async () => {
  house = await House.build()
  seen = new Seen()
})
afterEach(() => house.close())

const service = kongService('legacy')
const route = kongRoute(service, { name: 'reports', paths: ['/reports'] })
const open = kongRoute(service, { name: 'open', paths: ['/open'], tags: ['public'] })

const at = (door: Running, path: string, more: Partial<Ask> = {}): Promise<Answer> =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })

/** A gateway with these plugins, a service behind it, and a configuration. */
async function start(plugins: readonly Plugin[], config: Partial<KongConfig> = {}) {
  const legacy = await house.service('legacy-1')
  await house.service('order-1')
  const door = await house.gateway({}, plugins)
  await house.configure({ services: [service], routes: [route, open], ...config })
  return { door, legacy }
}
const headersOf = (values: readonly string[]): string[] =>
  values.map((name) => name.toLowerCase()).filter((_, i) => i % 2 === 0)

describe('a chain', () => {
  it('runs the most specific entity of each plugin, the higher priority first, around our own hinges', async () => {
    const alice = kongConsumer('alice')
    const key = { id: 'k', key: 'secret', ttl: null, consumer: { id: alice.id } }
    const names: readonly (readonly [string, number])[] = [
      ['a-late', 100],
      ['b-early', 2_000],
      ['c-middle', 950],
      ['d-middle', 950],
    ]
    const plugins = names.map(([name, priority]) => testPlugin(seen, name, priority))
    const everywhere = names.map(([name]) => kongPlugin(name, {}, { say: 'global' }))
    const { door } = await start([...plugins, keyPlugin(seen)], {
      consumers: [alice],
      keyauth_credentials: [key as never],
      plugins: [
        ...everywhere,
        kongPlugin('c-middle', { service }, { say: 'service' }),
        kongPlugin('c-middle', { route }, { say: 'route' }),
        kongPlugin('c-middle', { route, consumer: alice }, { say: 'alice here' }),
        kongPlugin('d-middle', { consumer: alice }, { say: 'alice' }),
        kongPlugin('b-early', { consumer: alice }, { say: 'too early' }),
        { ...kongPlugin('a-late', { route }, { say: 'off' }), enabled: false },
        kongPlugin('test-key', { route }),
      ],
    })
    expect((await at(door, '/reports', { headers: { 'x-key': 'secret' } })).status).toBe(200)
    expect(seen.order).toEqual([
      'b-early global',
      'c-middle alice here',
      'd-middle alice',
      'a-late global',
    ])
    seen.order.length = 0
    // Nobody is known: no chain below the refusal is asked.
    const refused = await at(door, '/reports', { headers: { 'x-key': 'wrong' } })
    expect(refused.json()).toMatchObject({ status: 401, message: 'No API key found in request' })
    expect(seen.order).toEqual(['b-early global'])
    const event = door.events.find((each) => each.event.code === 'TOKEN_MISSING')
    expect(event?.countersign?.rule).toMatch(
      /^plugin test-key \(.+\) on route reports \(.+\): no key$/,
    )
    seen.order.length = 0
    expect((await at(door, '/open')).status).toBe(200)
    expect(seen.order).toEqual([
      'b-early global',
      'c-middle service',
      'd-middle global',
      'a-late global',
    ])
    seen.order.length = 0
    // On the route of a contract what stands everywhere runs, too; whoever is refused by the contract never gets to the rest.
    expect((await at(door, '/orders/7')).status).toBe(401)
    expect(seen.order).toEqual(['b-early global'])
    expect((await at(door, '/orders/7', { token: house.tokens.token() })).status).toBe(200)
    expect(seen.order).toHaveLength(5)
  })

  it('says who asks to the service, under names that no client can use', async () => {
    const alice = kongConsumer('älice', { custom_id: 'a-1' })
    const key = { id: 'key-1', key: 'secret', ttl: null, consumer: { id: alice.id } }
    const mischief = testPlugin(seen, 'mischief', 900, () => ({
      access({ upstream: { headers } }) {
        headers.set('X-Consumer-Username', 'root')
        headers.set('X-Forwarded-For', '10.0.0.1')
        headers.set('X-Set', 'by plugin')
        headers.remove('X-Gone')
      },
    }))
    const { door, legacy } = await start([keyPlugin(seen), mischief], {
      consumers: [alice],
      keyauth_credentials: [key as never],
      acls: [{ id: 'g', consumer: { id: alice.id }, group: 'readers' } as never],
      plugins: [kongPlugin('test-key', { route }), kongPlugin('mischief')],
    })
    const headers = {
      ...{ 'x-key': 'secret', 'x-consumer-id': 'me', X_Consumer_Groups: 'admins', 'x-gone': '1' },
      'X-Credential-Identifier': 'mine',
    }
    expect((await at(door, '/reports', { headers })).status).toBe(200)
    expect(legacy.seen.at(-1)?.headers).toMatchObject({
      'x-consumer-id': alice.id,
      'x-consumer-custom-id': 'a-1',
      'x-consumer-username': Buffer.from('älice').toString('latin1'),
      'x-credential-identifier': 'key-1',
      'x-consumer-groups': 'readers',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-path': '/reports',
      'x-forwarded-prefix': '/reports',
      'x-set': 'by plugin',
      host: 'legacy',
    })
    const names = headersOf(legacy.seen.at(-1)?.rawHeaders ?? [])
    expect(names.filter((name) => /consumer|credential/.test(name)).sort()).toEqual([
      'x-consumer-custom-id',
      'x-consumer-groups',
      'x-consumer-id',
      'x-consumer-username',
      'x-credential-identifier',
    ])
    expect(names).not.toContain('x-gone')
    // Whoever was proven by a plugin is on record.
    await at(door, '/reports', { method: 'DELETE', headers: { 'x-key': 'secret' } })
    const event = door.events.find((each) => each.status === 'success')
    expect(event).toMatchObject({ userId: alice.id, user: { name: 'älice' } })
    expect(event?.countersign?.rule).toMatch(/^route reports .*; plugin test-key .*consumer älice$/)
  })

  it('never widens a contract: a person that a plugin states is nobody there', async () => {
    const admin = { id: 'x', name: 'x', roles: ['admin'], clientId: undefined, tokenId: undefined }
    const claim = testPlugin(seen, 'claim', 1_000, () => ({
      access: (asked) => asked.authenticated({ person: admin }),
    }))
    const { door, legacy } = await start([claim], { plugins: [kongPlugin('claim')] })
    const token = house.tokens.token()
    expect((await at(door, '/orders/7', { token, method: 'DELETE' })).json()).toMatchObject({
      status: 403,
      code: 'ROLE_MISSING',
    })
    expect((await at(door, '/orders')).status).toBe(401)
    // It does not authenticate as far as the gateway knows: a token is required on a route of an operator, too.
    expect((await at(door, '/reports')).status).toBe(401)
    expect(legacy.seen).toEqual([])
  })

  it('leaves the login alone, whatever stands everywhere', async () => {
    const identity = await house.service('identity-1')
    const { door } = await start([keyPlugin(seen), testPlugin(seen, 'early', 2_000)], {
      plugins: [
        ...[kongPlugin('test-key'), kongPlugin('early')],
        kongPlugin('acl', {}, { allow: ['admin'] }),
        kongPlugin('request-termination', {}, { status_code: 503 }),
      ],
    })
    expect((await at(door, '/auth/login')).status).toBe(200)
    expect([identity.seen.length, seen.order]).toEqual([1, ['early hello']])
    expect((await at(door, '/orders/7', { token: house.tokens.token() })).status).toBe(401)
  })

  it('ends with 500 where a plugin fails: nothing goes on, and nothing is told', async () => {
    const broken = testPlugin(seen, 'broken', 1_000, ({ say }) => ({
      access: () =>
        say === 'later'
          ? Promise.reject(new Error('canary'))
          : (JSON.parse('canary{') as undefined),
    }))
    const { door, legacy } = await start([broken], {
      plugins: [
        kongPlugin('broken', { route }, { say: 'later' }),
        kongPlugin('broken', { route: open }),
      ],
    })
    for (const path of ['/reports', '/open']) {
      const answer = await at(door, path, { token: house.tokens.token() })
      expect(answer.json()).toMatchObject({ status: 500, message: 'An unexpected error occurred' })
      expect(answer.body).not.toContain('canary')
    }
    expect(legacy.seen).toEqual([])
    expect(door.logLines.filter((line) => line.includes('plugin broken'))).toHaveLength(2)
  })
})

describe('an answer', () => {
  it('can be a plugin’s own, and carries what others have said of it', async () => {
    const header = testPlugin(seen, 'header', 3_000, () => ({
      access: ({ answerHeaders }) => answerHeaders.set('X-Said', 'early'),
      head: ({ headers, source, status }) => headers.set('X-Head', `${source} ${status}`),
      log: (record) => void seen.records.push(record),
    }))
    const stop = testPlugin(seen, 'stop', 800, () => ({
      access: (asked) => asked.answer({ status: 418, headers: ['x-own', '1'], body: 'teapot' }),
    }))
    const { door, legacy } = await start([header, stop], {
      plugins: [kongPlugin('header'), kongPlugin('stop', { route })],
    })
    // A plugin that answers for the service does so only for those who may.
    expect((await at(door, '/reports')).status).toBe(401)
    const answer = await at(door, '/reports', { token: house.tokens.token() })
    expect([answer.status, answer.body]).toEqual([418, 'teapot'])
    expect(answer.headers).toMatchObject({
      ...{ 'x-said': 'early', 'x-own': '1', 'x-head': 'plugin 418', 'content-length': '6' },
      ...{ 'x-kong-request-id': answer.headers['x-request-id'] },
      'x-kong-response-latency': expect.stringMatching(/^\d+$/),
    })
    expect(legacy.seen).toEqual([])
    const open = await at(door, '/open')
    expect(open.headers).toMatchObject({
      ...{ 'x-said': 'early', 'x-head': 'service 200' },
      'x-kong-upstream-latency': expect.stringMatching(/^\d+$/),
      'x-kong-proxy-latency': expect.stringMatching(/^\d+$/),
    })
    await until(() => seen.records.length === 3, 'all is told')
    const told = seen.records.map(({ status, source, answerBytes, tries }) => ({
      ...{ status, source, answerBytes, tries: tries.map((each) => each.status) },
    }))
    expect(told).toEqual([
      { status: 401, source: 'gateway', answerBytes: expect.any(Number), tries: [] },
      { status: 418, source: 'plugin', answerBytes: 6, tries: [] },
      { status: 200, source: 'service', answerBytes: open.body.length, tries: [200] },
    ])
  })

  it('is changed by those who want its body, in order, and seen by those who look', async () => {
    const taps: string[] = []
    const append = (name: string, priority: number, bytesMax: number, required = false): Plugin =>
      testPlugin(seen, name, priority, ({ say }) => ({
        body: () => ({
          bytesMax,
          ...(required ? { required: true } : {}),
          done: (whole) =>
            whole === undefined ? undefined : Buffer.concat([whole, Buffer.from(say)]),
        }),
      }))
    const tap = testPlugin(seen, 'tap', 1, () => ({
      tap: () => ({
        data: (chunk) => void taps.push(chunk.toString()),
        end: (whole) => void taps.push(`end ${whole}`),
      }),
    }))
    const strict = kongRoute(service, { name: 'strict', paths: ['/strict'], tags: ['public'] })
    const { door, legacy } = await start(
      [append('first', 900, 100), append('second', 800, 100), append('must', 700, 10, true), tap],
      {
        routes: [open, strict],
        plugins: [
          kongPlugin('first', { route: open }, { say: '-1' }),
          kongPlugin('second', { route: open }, { say: '-2' }),
          kongPlugin('must', { route: strict }),
          kongPlugin('tap'),
        ],
      },
    )
    legacy.handler = ({ url }, response) => {
      const long = url.includes('long')
      response.writeHead(url.includes('none') ? 304 : 200)
      response.end(url.includes('none') ? undefined : long ? 'x'.repeat(200_000) : 'body')
    }
    const small = await at(door, '/open')
    expect([small.body, small.headers['content-length']]).toEqual(['body-1-2', '8'])
    expect(taps.splice(0)).toEqual(['body-1-2', 'end true'])
    expect((await at(door, '/open/long')).body).toHaveLength(200_000)
    expect(taps.splice(0).join('')).toMatch(/^x{200000}end true$/)
    expect((await at(door, '/open/none')).status).toBe(304)
    const head = await at(door, '/open', { method: 'HEAD' })
    expect([head.status, head.body]).toEqual([200, ''])
    expect((await at(door, '/strict')).body).toBe('bodyhello')
    expect((await at(door, '/strict/long')).json()).toMatchObject({
      status: 502,
      message: 'An invalid response was received from the upstream server',
    })
  })

  it('to a preflight request comes from a plugin also where a contract has no OPTIONS', async () => {
    const cors = testPlugin(seen, 'test-cors', 2_000, () => ({
      access(asked) {
        if (asked.method === 'OPTIONS' && asked.header('origin') === 'https://good.test')
          asked.answer({
            status: 200,
            headers: ['access-control-allow-origin', 'https://good.test'],
          })
      },
    }))
    const { door } = await start([cors], { plugins: [kongPlugin('test-cors')] })
    const preflight = (origin: string, method = 'GET') =>
      at(door, '/orders/7', {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': method },
      })
    const good = await preflight('https://good.test')
    expect([good.status, good.headers['access-control-allow-origin']]).toEqual([
      200,
      'https://good.test',
    ])
    expect((await preflight('https://evil.test')).status).toBe(405)
    expect((await preflight('https://good.test', 'PATCH')).status).toBe(405)
    expect((await at(door, '/orders/7', { method: 'OPTIONS' })).status).toBe(405)
  })
})

describe('a request', () => {
  it('can be looked into and changed on its way', async () => {
    const change = testPlugin(seen, 'change', 801, ({ say }) => ({
      async access(asked) {
        const body = await asked.body(1_000)
        asked.upstream.body = Buffer.from(`${body.toString().toUpperCase()}${say}`)
        asked.upstream.query = 'c=d'
        if (asked.query === 'up') asked.upstream.path = '/a/../b'
        else asked.upstream.path = `${asked.upstream.path}/${asked.captures.id}`
      },
      log: (record) => void seen.records.push(record),
    }))
    const regex = kongRoute(service, {
      ...{ name: 'regex', paths: ['~/items/(?<id>\\d+)'], tags: ['public'] },
    })
    const based = kongService('legacy', { id: service.id, path: '/v1' })
    const { door, legacy } = await start([change], {
      services: [based],
      routes: [regex],
      plugins: [kongPlugin('change', { route: regex }, { say: '!' })],
    })
    const post = (query: string, body: string) =>
      at(door, `/items/12/x?${query}`, { method: 'POST', body })
    expect((await post('a=b', 'hello')).status).toBe(200)
    await until(() => seen.records.length === 1, 'it is told')
    expect(seen.records[0]).toMatchObject({ requestBytes: 5, status: 200, source: 'service' })
    expect(legacy.seen.at(-1)).toMatchObject({ url: '/v1/x/12?c=d', body: 'HELLO!' })
    expect((await post('a=b', 'x'.repeat(1_001))).status).toBe(413)
    // What a plugin makes of a path has to be canonical, too.
    expect((await post('up', 'hello')).json()).toMatchObject({ status: 400 })
    expect(legacy.seen).toHaveLength(1)
  })
  it('finds no service where a route has none, and hears why it is the wrong kind', async () => {
    const lone = kongRoute(null, { name: 'lone', paths: ['/lone'], tags: ['public'] })
    const grpc = kongRoute(service, {
      ...{ name: 'grpc', paths: ['/grpc'], tags: ['public'], protocols: ['grpcs'] },
    })
    const { door, legacy } = await start([], { routes: [lone, grpc, open] })
    expect((await at(door, '/lone')).json()).toMatchObject({
      status: 503,
      message: 'no Service found with those values',
    })
    expect((await at(door, '/grpc')).json()).toMatchObject({
      status: 415,
      message: 'Non-gRPC request matched gRPC route',
    })
    const headers = { 'content-type': 'application/grpc' }
    expect((await at(door, '/grpc', { headers })).json()).toMatchObject({
      status: 426,
      message: 'Please use HTTP2 protocol',
    })
    expect((await at(door, '/open', { headers })).json()).toMatchObject({ status: 415 })
    expect(legacy.seen).toEqual([])
  })
})

describe('a change of the configuration', () => {
  it('drops no request, and closes old instances when their last request has ended', async () => {
    const mark = testPlugin(seen, 'mark', 800, ({ say }) => ({
      head: ({ headers }) => headers.set('x-mark', say),
    }))
    const { door, legacy } = await start([mark], {
      plugins: [kongPlugin('mark', {}, { say: 'one' })],
    })
    const waiting: (() => void)[] = []
    legacy.handler = (_seen, response) => void waiting.push(() => response.end('{}'))
    const under = at(door, '/open')
    await until(() => waiting.length === 1, 'one is under way')
    await house.configure({
      ...{ services: [service], routes: [open] },
      plugins: [kongPlugin('mark', {}, { say: 'two' })],
    })
    legacy.handler = (_seen, response) => void response.end('{}')
    expect((await at(door, '/open')).headers['x-mark']).toBe('two')
    expect(seen.closed).toEqual([])
    waiting[0]?.()
    expect((await under).headers['x-mark']).toBe('one')
    await until(() => seen.closed.length > 0, 'the old one is closed')
    expect(seen.closed).toEqual(['mark one'])
    let going = true
    const statuses = new Set<number>()
    const steady = Array.from({ length: 4 }, async () => {
      while (going) statuses.add((await at(door, '/open')).status)
    })
    for (let i = 0; i < 20; i++)
      await house.configure({
        ...{ services: [service], routes: [open] },
        plugins: [kongPlugin('mark', {}, { say: `n${i}` })],
      })
    going = false
    await Promise.all(steady)
    // Limits hold all the while: 429 is an answer of the route.
    expect([...statuses].filter((status) => status !== 200 && status !== 429)).toEqual([])
    await until(() => seen.closed.length === 21, 'all but the last are closed')
  })
})
