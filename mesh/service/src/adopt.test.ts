import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type TLSSocket } from 'node:tls'
import { createMemoryLimiter, type TokenVerifier } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adopt } from './adopt.ts'
import { type MeshServer, openServer } from './server/server.ts'
import { createTestDomain, type TestDomain } from './testing/pki.ts'
import { createTestWorkload, type TestWorkload } from './testing/workload.ts'

/* The door as bytes meet it, before an application of another framework. */
type Handle = (request: IncomingMessage, response: ServerResponse, failed: () => void) => void
const paths: Record<string, Handle> = {
  '/throws': () => {
    throw new Error('the secret reason')
  },
  '/begins': (_request, response) => {
    response.write('half')
    throw new Error('the secret reason')
  },
  '/nowhere': (_request, _response, failed) => failed(),
  '/other': (request, response) => void other(request, response),
  '/works/x': (_request, response) => void response.end('works'),
  '/fails': (_request, response) => void response.writeHead(503).end(),
}
const adopted = adopt('shop')
const own = { callers: ['order'], roles: 'stranger', limit: '1000/second per caller' } as const
for (const at of ['GET /throws', 'GET /begins', 'GET /nowhere', 'GET /works/:id'] as const)
  adopted.declare({ at, ...own, audited: true })
adopted.declare({ at: 'GET /fails', ...own, audited: true })
adopted.declare({ at: 'GET /other', ...own })
const other = adopted.declare({ at: 'GET /another', ...own })

const nobody: TokenVerifier = {
  verify: () => {
    throw new Error('no token is sent here')
  },
}
let domain: TestDomain
let shop: TestWorkload
let order: TestWorkload
let server: MeshServer
beforeAll(async () => {
  domain = await createTestDomain()
  shop = createTestWorkload('shop', await domain.identity('shop'), {})
  order = createTestWorkload('order', await domain.identity('order'), {})
  const part = adopted.part((request, response, failed) =>
    paths[request.url ?? '']?.(request, response, failed),
  )
  server = await openServer({
    workload: shop,
    served: [await part.create(shop, {})],
    verifier: nobody,
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })
})
afterAll(() => server.close())

function open(): TLSSocket {
  const { key, chain } = order.identity.current()
  const socket = connect({
    ...{ host: '127.0.0.1', port: server.port, key, cert: chain, ca: domain.bundle },
    checkServerIdentity: () => undefined,
  })
  return socket.on('error', () => {})
}
/** Sends bytes and reads until the other side ends. */
function send(bytes: string): Promise<string> {
  const socket = open()
  socket.write(bytes)
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  return new Promise((resolve) => socket.once('close', () => resolve(text)))
}
const get = (path: string): Promise<string> =>
  send(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
const codes = (): unknown[] => shop.events.splice(0).map((event) => event.event.code)
const problem = (text: string): Record<string, unknown> =>
  JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))

describe('an application behind the door', () => {
  test('that throws is a refusal with a problem, a record and a figure, and tells nothing', async () => {
    const text = await get('/throws')
    expect(problem(text)).toMatchObject({ status: 500, code: 'INTERNAL' })
    expect(text).toContain(`x-request-id: ${problem(text).requestId}`)
    expect(text).not.toContain('secret')
    expect(codes()).toEqual(['INTERNAL'])
    expect(await shop.metrics.text()).toContain('countersign_refusals_total{code="INTERNAL"} 1')
  })
  test('that throws in the midst of an answer ends the connection', async () => {
    expect(await get('/begins')).not.toContain('0\r\n\r\n')
    expect(codes()).toEqual(['INTERNAL'])
  })
  test('that has no route for what it declares is 404', async () => {
    expect(problem(await get('/nowhere'))).toMatchObject({ status: 404, code: 'ROUTE_UNKNOWN' })
    expect(codes()).toEqual(['ROUTE_UNKNOWN'])
  })
  test('whose route was declared as another one turns the request away', async () => {
    const answer = problem(await get('/other'))
    expect(answer).toMatchObject({ status: 403, code: 'CALLER_FORBIDDEN' })
    expect(answer.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(codes()).toEqual(['CALLER_FORBIDDEN'])
  })
  test('that answers is on record by what it answered', async () => {
    expect(await get('/works/x')).toContain('works')
    expect(await get('/fails')).toContain('503')
    await until(() => shop.events.length === 2, 'two events')
    expect(shop.events.splice(0).map((event) => event.status)).toEqual(['success', 'failure'])
  })
})

describe('what is no request for an endpoint', () => {
  test.each([
    ['a path that cannot be decoded', 'GET /works/%zz HTTP/1.1', 400, 'REQUEST_INVALID'],
    ['a long parameter', `GET /works/${'a'.repeat(300)} HTTP/1.1`, 414, 'URI_TOO_LONG'],
    ['a path of nobody', 'GET /nobody HTTP/1.1', 404, 'ROUTE_UNKNOWN'],
    ['noise', 'no request', 400, 'REQUEST_INVALID'],
    ['a large header', `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}`, 431, 'HEADERS_TOO_LARGE'],
  ])('%s is refused with a problem, a record and a figure', async (_what, line, status, code) => {
    const text = await send(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`)
    expect(problem(text)).toMatchObject({ status, code })
    const [event] = shop.events.splice(0)
    expect(event).toMatchObject({
      event: { code },
      http: { request: { id: problem(text).requestId } },
      client: { workload: 'spiffe://test.local/service/order' },
    })
    expect(await shop.metrics.text()).toContain(`countersign_refusals_total{code="${code}"}`)
  })
})

describe('an endpoint', () => {
  test('is called after its method and path, each by a name of its own', async () => {
    const adopted = adopt('names')
    for (const at of [
      'GET /orders',
      'GET /orders/:id',
      'POST /v1/big-orders',
      'GET /orders',
    ] as const)
      adopted.declare({ at, ...own })
    const { contract } = await adopted.part(() => undefined).create(shop, {})
    expect(Object.keys(contract.endpoints)).toEqual([
      'getOrders',
      'getOrdersById',
      'postV1BigOrders',
      'getOrders2',
    ])
  })
})
