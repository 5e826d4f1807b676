import type { Plugin } from '@countersign/kong'
import { until } from '@countersign/ground/testkit'
import { describe, expect, it } from 'vitest'
import { kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import { testPlugin } from './testing/test-plugins.ts'
import { open, route, service, usePluginHouse } from './testing/use-plugin-house.ts'

const my = usePluginHouse()
const { at, start } = my

describe('an answer', () => {
  it('can be a plugin’s own, and carries what others have said of it', async () => {
    const header = testPlugin(my.seen, 'header', 3_000, () => ({
      access: ({ answerHeaders }) => answerHeaders.set('X-Said', 'early'),
      head: ({ headers, source, status }) => headers.set('X-Head', `${source} ${status}`),
      log: (record) => void my.seen.records.push(record),
    }))
    const stop = testPlugin(my.seen, 'stop', 800, () => ({
      access: (asked) => asked.answer({ status: 418, headers: ['x-own', '1'], body: 'teapot' }),
    }))
    const { door, legacy } = await start([header, stop], {
      plugins: [kongPlugin('header'), kongPlugin('stop', { route })],
    })
    // A plugin that answers for the service does so only for those who may.
    expect((await at(door, '/reports')).status).toBe(401)
    const answer = await at(door, '/reports', { token: my.house.tokens.token() })
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
    await until(() => my.seen.records.length === 3, 'all is told')
    const told = my.seen.records.map(({ status, source, answerBytes, tries }) => ({
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
      testPlugin(my.seen, name, priority, ({ say }) => ({
        body: () => ({
          bytesMax,
          ...(required ? { required: true } : {}),
          done: (whole) =>
            whole === undefined ? undefined : Buffer.concat([whole, Buffer.from(say)]),
        }),
      }))
    const tap = testPlugin(my.seen, 'tap', 1, () => ({
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
    const cors = testPlugin(my.seen, 'test-cors', 2_000, () => ({
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
    const change = testPlugin(my.seen, 'change', 801, ({ say }) => ({
      async access(asked) {
        const body = await asked.body(1_000)
        asked.upstream.body = Buffer.from(`${body.toString().toUpperCase()}${say}`)
        asked.upstream.query = 'c=d'
        if (asked.query === 'up') asked.upstream.path = '/a/../b'
        else asked.upstream.path = `${asked.upstream.path}/${asked.captures.id}`
      },
      log: (record) => void my.seen.records.push(record),
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
    await until(() => my.seen.records.length === 1, 'it is told')
    expect(my.seen.records[0]).toMatchObject({ requestBytes: 5, status: 200, source: 'service' })
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
