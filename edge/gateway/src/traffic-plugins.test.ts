import { Agent } from 'node:https'
import { until } from '@countersign/ground/testkit'
import { bundledPlugins } from '@countersign/plugins'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Ask, ask } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import { kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import { startReceiver } from './testing/receiver.ts'

let house: House
beforeEach(async () => {
  house = await House.build()
})
afterEach(() => house.close())

const service = kongService('legacy')
const route = kongRoute(service, { name: 'reports', paths: ['/reports'], strip_path: false })
const at = (door: Running, path: string, more: Partial<Ask> = {}) =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })
/** An entity on the route, with its defaults filled in as the control plane does. */
const on = (name: string, config: object) => {
  const plugin = bundledPlugins.find((each) => each.name === name)
  return kongPlugin(name, { route }, plugin?.schema.parse(config))
}

it('changes, limits, counts and records what passes, as configured', async () => {
  await using receiver = await startReceiver()
  await using collector = await startReceiver()
  const legacy = await house.service('legacy-1')
  legacy.handler = (_seen, response) => {
    response.writeHead(200, { 'content-type': 'application/json', etag: '"1"', 'x-inner': 'a' })
    response.end('{"secret":1,"kept":2}')
  }
  const door = await house.gateway({ GATEWAY_FETCH_ALLOW: '127.0.0.1' }, bundledPlugins)
  await house.configure({
    services: [service],
    routes: [route],
    plugins: [
      on('correlation-id', { echo_downstream: true }),
      on('rate-limiting', { year: 3 }),
      on('request-transformer', {
        remove: { body: ['admin'] },
        add: { headers: ['X-Team:$(query_params.team)'], querystring: ['from:gateway'] },
      }),
      on('response-transformer', { remove: { json: ['secret'], headers: ['x-inner'] } }),
      on('prometheus', { status_code_metrics: true, latency_metrics: true }),
      on('http-log', { http_endpoint: receiver.url }),
      on('opentelemetry', { traces_endpoint: collector.url, queue: { max_batch_size: 8 } }),
    ],
  })
  const token = house.tokens.token()
  const send = (headers: Record<string, string> = {}) =>
    at(door, '/reports?team=red&apikey=s3cret', {
      method: 'POST',
      token,
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"admin":true,"title":"a"}',
    })
  const answers = [await send({ 'Kong-Request-ID': 'order-42' }), await send(), await send()]
  const [first] = answers
  expect(first?.body).toBe('{"kept":2}')
  expect(first?.headers).toMatchObject({
    'content-length': '10',
    'kong-request-id': 'order-42',
    'x-ratelimit-limit-year': '3',
    'x-ratelimit-remaining-year': '2',
    'ratelimit-remaining': '2',
  })
  expect([first?.headers.etag, first?.headers['x-inner']]).toEqual([undefined, undefined])
  expect(legacy.seen[0]).toMatchObject({
    url: '/reports?team=red&apikey=s3cret&from=gateway',
    body: '{"title":"a"}',
    headers: { 'x-team': 'red', 'kong-request-id': 'order-42', 'content-length': '13' },
  })

  const refused = await send()
  expect(refused.json()).toMatchObject({ status: 429, message: 'API rate limit exceeded' })
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect(refused.headers['kong-request-id']).toMatch(/#[0-9]+$/)
  expect(legacy.seen).toHaveLength(3)

  await until(() => receiver.bodies.length === 4, 'four records have come', 20_000)
  const records = receiver.bodies.map((body) => JSON.parse(body))
  expect(records.map(({ response }) => response.status).sort()).toEqual([200, 200, 200, 429])
  expect(records.find(({ response }) => response.status === 429).source).toBe('kong')
  for (const secret of [token, 's3cret']) expect(receiver.bodies.join()).not.toContain(secret)

  await until(
    () => collector.bodies.join().includes('"429"') || spans().length > 3,
    'spans',
    20_000,
  )
  function spans(): string[] {
    return collector.bodies.join().match(/POST reports/g) ?? []
  }
  const metrics = await door.metrics.text()
  expect(metrics).toMatch(
    /kong_http_requests_total\{.*route="reports".*code="200",source="service".*\} 3/,
  )
  expect(metrics).toMatch(/kong_http_requests_total\{.*code="429",source="kong".*\} 1/)
  expect(metrics).toMatch(/kong_kong_latency_ms_count\{.*\} 4/)
})

it('a body that a rule must see is refused where it cannot be read', async () => {
  const legacy = await house.service('legacy-1')
  const door = await house.gateway({}, bundledPlugins)
  const plugins = [on('request-transformer', { remove: { body: ['admin'] } })]
  await house.configure({ services: [service], routes: [route], plugins })
  const send = (body: string) =>
    at(door, '/reports', {
      method: 'POST',
      token: house.tokens.token(),
      headers: { 'content-type': 'application/json' },
      body,
    })
  expect((await send('{"admin":true,')).status).toBe(400)
  expect((await send(`"${'x'.repeat(1_100_000)}"`)).status).toBe(413)
  expect(legacy.seen).toHaveLength(0)
})

it('a cache gives to each only what is theirs, over many mixed requests (B22)', {
  timeout: 90_000,
}, async () => {
  const legacy = await house.service('legacy-1')
  legacy.handler = ({ headers, url }, response) => {
    const kinds = [
      'public, max-age=60',
      'max-age=60',
      'private, max-age=60',
      's-maxage=1',
      'no-store',
    ]
    const kind = kinds[url.length % kinds.length] ?? ''
    const own = `${headers.authorization ?? 'nobody'} ${url}`
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': kind, etag: '"1"' })
    response.end(own)
  }
  const door = await house.gateway({}, bundledPlugins)
  const open = { ...route, tags: ['public'] }
  await house.configure({
    services: [service],
    routes: [open],
    plugins: [
      on('rate-limiting', { second: 1_000_000 }),
      on('proxy-cache', { strategy: 'memory' }),
    ],
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const people = [undefined, ...['ada', 'bob', 'eve'].map((sub) => house.tokens.token({ sub }))]
  const hits = new Map<string | undefined, number>()
  const one = async (i: number) => {
    const token = people[i % people.length]
    const path = `/reports/${'x'.repeat(i % 7)}`
    const range = i % 11 === 0 ? { range: 'bytes=0-9' } : {}
    const { status, body, headers } = await at(door, path, {
      agent,
      headers: { ...range, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    })
    const own = `${token === undefined ? 'nobody' : `Bearer ${token}`} ${path}`
    expect(body).toBe(status === 206 ? own.slice(0, 10) : own)
    if (headers['x-cache-status'] === 'Hit') hits.set(token, (hits.get(token) ?? 0) + 1)
  }
  for (let i = 0; i < 2_000; i += 50)
    await Promise.all(Array.from({ length: 50 }, (_, j) => one(i + j)))
  agent.destroy()
  for (const token of people) expect(hits.get(token)).toBeGreaterThan(50)
  expect(legacy.seen.length).toBeLessThan(2_000)
})

it('keeps apart in the cache what a transformer sends to different places', async () => {
  const legacy = await house.service('legacy-1')
  legacy.handler = ({ url }, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'public, max-age=60' })
    response.end(url)
  }
  const door = await house.gateway({}, bundledPlugins)
  await house.configure({
    services: [service],
    routes: [{ ...route, tags: ['public'] }],
    plugins: [
      on('request-transformer', { replace: { uri: '/of/$(headers["x-tenant"])' } }),
      on('proxy-cache', { strategy: 'memory' }),
    ],
  })
  const of = async (tenant: string) => {
    const { body, headers } = await at(door, '/reports', { headers: { 'x-tenant': tenant } })
    return [body, headers['x-cache-status']]
  }
  expect(await of('red')).toEqual(['/of/red', 'Miss'])
  expect(await of('blue')).toEqual(['/of/blue', 'Miss'])
  expect(await of('red')).toEqual(['/of/red', 'Hit'])
})
