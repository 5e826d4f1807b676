import type { PluginAnswer } from '@countersign/kong'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FakeRequest, fakeAnswer, type Given, ROUTE } from '../testing/exchange.ts'
import { placeOf, type TestTools, testTools } from '../testing/tools.ts'
import { proxyCache } from './proxy-cache.ts'

interface Origin {
  readonly status?: number
  readonly headers?: readonly string[]
  readonly body?: string
}
/** One entity, and an origin that answers what the test says; tells who answered what. */
function cacheOf(config: object = {}, tools: TestTools = testTools(), place: object = {}) {
  const instance = proxyCache.create(
    proxyCache.schema.parse({ strategy: 'memory', ...config }),
    placeOf(tools, place),
  )
  const ask = (given: Given, origin: Origin = {}, said: readonly string[] = []) => {
    const asked = new FakeRequest(given)
    for (let i = 0; i < said.length; i += 2)
      asked.answerHeaders.add(said[i] ?? '', said[i + 1] ?? '')
    instance.access?.(asked)
    const { answered } = asked
    const answer = fakeAnswer(
      answered === undefined
        ? { status: origin.status ?? 200, headers: origin.headers ?? PLAIN, source: 'service' }
        : { status: answered.status, headers: answered.headers ?? [], source: 'plugin' },
    )
    for (let i = 0; i < said.length; i += 2) answer.headers.add(said[i] ?? '', said[i + 1] ?? '')
    instance.head?.(answer, asked)
    const body =
      answered === undefined ? through(answer, asked, origin.body ?? 'origin') : answered.body
    return {
      asked,
      fromOrigin: answered === undefined,
      status: answer.status,
      body: body?.toString(),
      header: (name: string) => answer.headers.get(name),
      cache: answer.headers.get('x-cache-status'),
    }
  }
  const through = (answer: PluginAnswer, asked: FakeRequest, body: string): string => {
    const bytes = instance.body?.(answer, asked)?.done(Buffer.from(body)) ?? Buffer.from(body)
    const tap = instance.tap?.(answer, asked)
    tap?.data(bytes)
    tap?.end(true)
    return bytes.toString()
  }
  return { tools, ask, instance }
}
const PLAIN = ['Content-Type', 'application/json']
const saying = (...headers: string[]) => ({ headers: [...PLAIN, ...headers] })
const person = (id: string): Given => ({
  person: { id, name: id, roles: [], clientId: undefined, tokenId: undefined },
})

test("has Kong's defaults", () => {
  expect(proxyCache.schema.parse({ strategy: 'memory' })).toEqual({
    response_code: [200, 301, 404],
    request_method: ['GET', 'HEAD'],
    content_type: ['text/plain', 'application/json'],
    cache_ttl: 300,
    strategy: 'memory',
    cache_control: false,
    ignore_uri_case: false,
    storage_ttl: null,
    memory: { dictionary_name: 'kong_db_cache' },
    vary_query_params: null,
    vary_headers: null,
    response_headers: { age: true, 'X-Cache-Status': true, 'X-Cache-Key': true },
  })
  const isMistake = (config: object) => !proxyCache.schema.safeParse(config).success
  expect(isMistake({})).toBe(true)
  expect(isMistake({ strategy: 'redis' })).toBe(true)
  expect(isMistake({ strategy: 'memory', cache_ttl: 0 })).toBe(true)
  expect(isMistake({ strategy: 'memory', content_type: ['json'] })).toBe(true)
})

test('stores for cache_ttl what says nothing of it, and tells so', () => {
  const { ask, tools } = cacheOf({ cache_ttl: 10 })
  const first = ask({}, { body: 'one' })
  expect([first.cache, first.body]).toEqual(['Miss', 'one'])
  tools.nowMs += 4_000
  const second = ask({}, { body: 'two' })
  expect([second.cache, second.body, second.header('age')]).toEqual(['Hit', 'one', '4'])
  expect(second.header('x-cache-key')).toBe(first.header('x-cache-key'))
  expect(second.header('x-cache-key')).toMatch(/^[0-9a-f]{64}$/)
  tools.nowMs += 6_000
  expect(ask({}, { body: 'three' })).toMatchObject({ cache: 'Miss', body: 'three' })
})

test('with cache_control only what has a lifetime is stored', () => {
  const { ask, tools } = cacheOf({ cache_control: true })
  expect(ask({}).cache).toBe('Bypass')
  expect(ask({}, saying('Cache-Control', 'max-age=5')).cache).toBe('Miss')
  expect(ask({}).cache).toBe('Hit')
  tools.nowMs += 5_000
  expect(ask({}).cache).toBe('Bypass')
})

test('stores only the statuses, types and methods of its configuration', () => {
  const cases: [object, Given, Origin][] = [
    [{}, {}, { status: 500 }],
    [{}, {}, { headers: ['content-type', 'text/html'] }],
    [{}, {}, { headers: [] }],
    [{ content_type: ['application/json; charset=utf-8'] }, {}, { headers: PLAIN }],
    [{ request_method: ['HEAD'] }, {}, {}],
    [{ request_method: ['POST'] }, { method: 'POST' }, {}],
    [{}, { headers: ['cache-control', 'no-store'] }, {}],
    [{}, { body: 'a GET with a body' }, {}],
  ]
  for (const [config, given, origin] of cases) {
    const { ask } = cacheOf(config)
    expect(ask(given, origin).cache).toBe('Bypass')
    expect(ask(given, origin).fromOrigin).toBe(true)
  }
  const { ask } = cacheOf({ content_type: ['application/*'] })
  ask({}, { headers: ['Content-Type', 'application/json; charset=utf-8'] })
  expect(ask({}).cache).toBe('Hit')
})

test('what is private is never stored, whatever the configuration (B22)', () => {
  for (const cache_control of [true, false])
    for (const headers of [
      ['Cache-Control', 'private, max-age=60'],
      ['Cache-Control', 'max-age=60, PRIVATE="x-user"'],
      ['Cache-Control', 'no-store, max-age=60'],
      ['Cache-Control', 'max-age=60', 'Set-Cookie', 'sid=1'],
      ['Cache-Control', 'public, max-age=60', 'set-cookie', 'sid=1'],
      ['Cache-Control', 'max-age=60', 'Vary', 'Accept', 'Vary', '*'],
      ['Expires', '0'],
    ]) {
      const { ask } = cacheOf({ cache_control })
      expect(ask({}, saying(...headers)).cache, String(headers)).toBe('Bypass')
      expect(ask({}).fromOrigin).toBe(true)
    }
})

test('answers to credentials are stored only if they are for all, and found by nobody else (B22)', () => {
  const withToken: Given = { headers: ['Authorization', 'Bearer a'] }
  const withCookie: Given = { headers: ['Cookie', 'sid=1'] }
  const isStored = (given: Given, cacheControl: string) => {
    const { ask } = cacheOf({ cache_control: true })
    ask(given, saying('Cache-Control', cacheControl))
    expect(ask({}).fromOrigin).toBe(true)
    expect(ask({ headers: ['Authorization', 'Bearer b', 'Cookie', 'sid=2'] }).fromOrigin).toBe(true)
    return !ask(given).fromOrigin
  }
  expect(isStored(withToken, 'max-age=60')).toBe(false)
  expect(isStored(withToken, 'max-age=60, must-revalidate')).toBe(true)
  expect(isStored(withToken, 'max-age=60, public')).toBe(true)
  expect(isStored(withCookie, 'max-age=60')).toBe(false)
  expect(isStored(withCookie, 'max-age=60, must-revalidate')).toBe(false)
  expect(isStored(withCookie, 's-maxage=60')).toBe(true)
  // The same with what was proven of who asks.
  const { ask } = cacheOf()
  ask(person('ada'), { ...saying('Cache-Control', 'public, max-age=60'), body: 'of ada' })
  expect(ask(person('ada'))).toMatchObject({ cache: 'Hit', body: 'of ada' })
  expect(ask(person('bob')).fromOrigin).toBe(true)
  expect(ask({}).fromOrigin).toBe(true)
  expect(ask({ ...person('ada'), groups: ['admin'] }).fromOrigin).toBe(true)
})

test('host, path, query, route and entity are part of the key', () => {
  const tools = testTools()
  const { ask } = cacheOf({}, tools)
  ask({ query: 'a=1&b=2' })
  expect(ask({ query: 'a=1&b=2' }).cache).toBe('Hit')
  for (const other of [
    { query: 'b=2&a=1' },
    { query: 'a=1&b=2', host: 'other' },
    { query: 'a=1&b=2', headers: ['Host', 'localhost:9999'] },
    { query: 'a=1&b=2', path: '/Orders' },
    { query: 'a=1&b=2', route: { ...ROUTE, id: 'other' } },
  ])
    expect(ask(other).fromOrigin, JSON.stringify(other)).toBe(true)
  expect(cacheOf({}, tools, { id: 'another' }).ask({ query: 'a=1&b=2' }).fromOrigin).toBe(true)
  // The same entity after a change of the configuration finds what it had.
  expect(cacheOf({}, tools).ask({ query: 'a=1&b=2' }).cache).toBe('Hit')
})

test('vary_query_params, vary_headers and ignore_uri_case say what else counts', () => {
  const { ask } = cacheOf({
    vary_query_params: ['page'],
    vary_headers: ['X-Team'],
    ignore_uri_case: true,
  })
  ask({ query: 'page=1&utm=a' })
  expect(ask({ query: 'utm=b&page=1', path: '/ORDERS' }).cache).toBe('Hit')
  expect(ask({ query: 'page=2&utm=a' }).fromOrigin).toBe(true)
  expect(ask({ query: 'page=1', headers: ['x-team', 'red'] }).fromOrigin).toBe(true)
})

test('an answer that varies is given to requests that say the same', () => {
  const { ask } = cacheOf()
  const german = { headers: ['Accept-Language', 'de'] }
  const english = { headers: ['accept-language', 'en'] }
  ask(german, { ...saying('Vary', 'Accept-Language'), body: 'de' })
  expect(ask(english, { ...saying('Vary', 'accept-language'), body: 'en' }).body).toBe('en')
  expect(ask(german).body).toBe('de')
  expect(ask(english).body).toBe('en')
  expect(ask({}).fromOrigin).toBe(true)
})

test('asks the service whether a stale answer still holds', () => {
  const { ask, tools } = cacheOf({ cache_ttl: 5 })
  ask({}, { ...saying('ETag', '"1"', 'X-Old', 'a', 'Last-Modified', MODIFIED), body: 'stored' })
  tools.nowMs += 6_000
  const renewed = ask(
    { headers: ['If-None-Match', '"mine"', 'Range', 'bytes=0-1'] },
    { status: 304, headers: ['X-New', 'b', 'ETag', '"other"', 'Set-Cookie', 'sid=1'] },
  )
  const { headers } = renewed.asked.upstream
  expect(headers.get('if-none-match')).toBe('"1"')
  expect(headers.get('if-modified-since')).toBe(MODIFIED)
  expect(headers.get('range')).toBeUndefined()
  expect(renewed).toMatchObject({ cache: 'Refresh', status: 206, body: 'st' })
  expect(renewed.header('set-cookie')).toBe('sid=1')
  const again = ask({})
  expect(again).toMatchObject({ cache: 'Hit', body: 'stored' })
  expect(['etag', 'x-old', 'x-new', 'set-cookie'].map(again.header)).toEqual([
    '"1"',
    'a',
    'b',
    undefined,
  ])
  tools.nowMs += 6_000
  expect(ask({}, { body: 'newer' })).toMatchObject({ cache: 'Refresh', body: 'newer' })
  expect(ask({})).toMatchObject({ cache: 'Hit', body: 'newer' })
})

test("a 304 that answers a client's own question stays one", () => {
  const { ask, tools } = cacheOf({ cache_ttl: 5, storage_ttl: 100 })
  const mine = { headers: ['If-None-Match', '"mine"'] }
  expect(ask(mine, { status: 304, headers: ['ETag', '"mine"'], body: '' })).toMatchObject({
    status: 304,
  })
  ask({}, { body: 'without a validator' })
  tools.nowMs += 6_000
  expect(ask(mine, { status: 304, headers: [], body: '' })).toMatchObject({ status: 304, body: '' })
})

test('answers conditions and ranges from a whole stored answer', () => {
  const { ask } = cacheOf()
  ask({}, { ...saying('ETag', 'W/"1"', 'Last-Modified', MODIFIED), body: '0123456789' })
  const of = (...headers: string[]) => {
    const { status, body, header, cache } = ask({ headers })
    expect(cache).toBe('Hit')
    return [status, body, header('content-range')]
  }
  expect(of('If-None-Match', '"0", "1"')).toEqual([304, '', undefined])
  expect(of('If-None-Match', '"0"', 'If-Modified-Since', MODIFIED)[0]).toBe(200)
  expect(of('If-Modified-Since', MODIFIED)[0]).toBe(304)
  expect(of('Range', 'bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10'])
  expect(of('Range', 'bytes=-3')).toEqual([206, '789', 'bytes 7-9/10'])
  expect(of('Range', 'bytes=8-99')).toEqual([206, '89', 'bytes 8-9/10'])
  expect(of('Range', 'bytes=10-')).toEqual([416, '', 'bytes */10'])
  for (const odd of ['bytes=5-2', 'bytes=0-1,4-5', 'lines=0-1', 'bytes=x'])
    expect(of('Range', odd)[0], odd).toBe(200)
  expect(of('Range', 'bytes=0-1', 'If-Range', 'W/"1"')[0]).toBe(200)
  expect(of('Range', 'bytes=0-1', 'If-Range', MODIFIED)[0]).toBe(206)
})

test('what other plugins say of an answer is said anew each time', () => {
  const { ask, tools } = cacheOf({ cache_ttl: 5 })
  const left = (given: Given, count: number, origin?: Origin) => {
    const { asked, cache, header } = ask(given, origin, ['X-RateLimit-Remaining-Hour', `${count}`])
    return [cache, header('x-ratelimit-remaining-hour'), asked.answered?.headers?.join() ?? '']
  }
  expect(left({}, 9, saying('ETag', '"1"', 'X-Own', 'a')).slice(0, 2)).toEqual(['Miss', '9'])
  const [cache, told, stored] = left({}, 8)
  expect([cache, told]).toEqual(['Hit', '8'])
  expect(stored).toContain('X-Own')
  expect(stored).not.toContain('RateLimit')
  tools.nowMs += 6_000
  expect(left({}, 7, { status: 304, headers: [] }).slice(0, 2)).toEqual(['Refresh', '7'])
  expect(left({}, 6).slice(0, 2)).toEqual(['Hit', '6'])
})

test('HEAD is answered from GET, and tells when that is outdated', () => {
  const { ask, tools } = cacheOf({ cache_ttl: 5, storage_ttl: 100 })
  ask({}, { ...saying('ETag', '"1"'), body: 'stored' })
  const head = ask({ method: 'HEAD' })
  expect([head.cache, head.header('content-length')]).toEqual(['Hit', '6'])
  tools.nowMs += 6_000
  ask({ method: 'HEAD' }, saying('ETag', '"2"'))
  const next = ask({})
  expect([next.cache, next.asked.upstream.headers.get('if-none-match')]).toEqual([
    'Miss',
    undefined,
  ])
})

test('what may have changed something makes it forget, for everybody', () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const { ask } = cacheOf()
    ask({})
    ask({ path: '/orders/42' })
    ask({ ...person('ada'), path: '/orders/42' })
    ask({ method }, { status: 500 })
    expect(ask({}).cache).toBe('Hit')
    ask({ method, body: 'x' }, { status: 201, headers: ['Location', '/orders/42'] })
    expect(ask({}).cache).toBe('Miss')
    expect(ask({ path: '/orders/42' }).cache).toBe('Miss')
    expect(ask({ ...person('ada'), path: '/orders/42' }).cache).toBe('Miss')
    ask({ path: '/users' })
    ask({ method }, { headers: ['Content-Location', 'https://elsewhere/users'] })
    expect(ask({ path: '/users' }).cache).toBe('Hit')
  }
})

test('keeps to what a client wants', () => {
  const { ask, tools } = cacheOf({ cache_ttl: 10, storage_ttl: 100 })
  const wanting = (directives: string) => ask({ headers: ['Cache-Control', directives] })
  expect(wanting('only-if-cached').status).toBe(504)
  ask({})
  tools.nowMs += 5_000
  expect(wanting('max-age=60').cache).toBe('Hit')
  expect(wanting('min-fresh=8').fromOrigin).toBe(true)
  tools.nowMs += 1
  expect(wanting('max-age=60, only-if-cached').cache).toBe('Hit')
  expect(wanting('no-cache').fromOrigin).toBe(true)
  tools.nowMs += 12_000
  expect(wanting('max-stale=60').cache).toBe('Hit')
  expect(wanting('max-stale=1').fromOrigin).toBe(true)
})

test('a stale answer stands in for an error only where it says that it may', () => {
  const { ask, tools } = cacheOf({ cache_control: true })
  const bad = { status: 503, headers: PLAIN, body: 'down' }
  ask({}, { ...saying('Cache-Control', 'max-age=1, stale-if-error=60'), body: 'good' })
  tools.nowMs += 2_000
  expect(ask({}, bad)).toMatchObject({ status: 200, body: 'good' })
  tools.nowMs += 60_000
  expect(ask({}, bad)).toMatchObject({ status: 503, body: 'down' })
  ask({}, saying('Cache-Control', 'max-age=1, stale-if-error=60, must-revalidate'))
  tools.nowMs += 2_000
  expect(ask({}, bad)).toMatchObject({ status: 503, body: 'down' })
})

test('stores no answer that broke off or is too long', () => {
  const { instance, ask } = cacheOf()
  const asked = new FakeRequest()
  instance.access?.(asked)
  const answer = fakeAnswer({ headers: PLAIN })
  instance.head?.(answer, asked)
  const tap = instance.tap?.(answer, asked)
  tap?.data(Buffer.from('half'))
  tap?.end(false)
  expect(ask({}, { body: 'x'.repeat(1_048_577) }).cache).toBe('Miss')
  expect(ask({}, saying('Content-Length', '1048577')).cache).toBe('Bypass')
  expect(ask({}).cache).toBe('Miss')
})

test('over any mixture of people and answers nobody gets a byte of somebody else (B22)', () => {
  const people = ['ada', 'bob', undefined]
  const headers = fc.constantFrom(
    [],
    ['Cache-Control', 'public, max-age=9'],
    ['Cache-Control', 'private'],
    ['Set-Cookie', 'sid=1'],
    ['Vary', 'Cookie'],
    ['ETag', '"1"'],
  )
  const step = fc.record({
    who: fc.constantFrom(...people),
    method: fc.constantFrom('GET', 'GET', 'GET', 'HEAD', 'POST'),
    path: fc.constantFrom('/me', '/me/x.css', '/orders'),
    sent: fc.constantFrom(
      [],
      ['Authorization', 'Bearer x'],
      ['Cookie', 'a=1'],
      ['Range', 'bytes=0-1'],
    ),
    headers,
    status: fc.constantFrom(200, 200, 304, 500),
    waitMs: fc.constantFrom(0, 0, 4_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { ask, tools } = cacheOf({ cache_ttl: 5 })
      for (const { who, method, path, sent, headers: said, status, waitMs } of steps) {
        tools.nowMs += waitMs
        const given = { ...(who === undefined ? {} : person(who)), method, path, headers: sent }
        const own = `${who ?? 'nobody'} with ${sent.filter((name) => /^(bearer|a=)/i.test(name))}`
        const { body = '' } = ask(given, { status, headers: [...PLAIN, ...said], body: own })
        if (!own.startsWith(body)) throw new Error(`${own} got ${body}`)
      }
    }),
    { numRuns: 300 },
  )
})
const MODIFIED = 'Sun, 01 Nov 2026 08:49:37 GMT'
