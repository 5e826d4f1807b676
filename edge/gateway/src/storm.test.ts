import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ask, exchange, open } from './testing/client.ts'
import { openH2 } from './testing/h2-client.ts'
import { House, type Running } from './testing/house.ts'
import { kongPlugin, kongRoute, kongService } from './testing/kong-entities.ts'
import { Seen, testPlugin } from './testing/test-plugins.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

/* Requests of every kind that end in every way but the good one: afterwards nothing is under way, and nothing is lost. */
const PER_SOURCE_MAX = 24
/** More than a breaker bears in a row. */
const ABORTED = 10
const BIG = randomBytes(400_000)
let house: House
const servers: UpstreamServer[] = []
let door: Running
const failing = (): never => {
  throw new Error('a plugin that fails')
}
/** Requests that the service holds. */
const held: ServerResponse[] = []
/** Requests whose head has come to the service that answers none by itself. */
let begun = 0

const WAYS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  ok: (response) => response.end('ok'),
  hold: (response) => void held.push(response),
  big: (response) => response.end(BIG),
  begin: (response) => {
    response.write('beginning')
    held.push(response)
  },
  cut: (response) => {
    response.writeHead(200, { 'content-length': '100000' })
    response.write('beginning', () => response.destroy())
  },
  hangup: (response) => response.destroy(),
  junk: (response) => response.socket?.end('HTTP/1.1 200 OK\r\nbroken\r\n\r\n'),
  twice: (response) => response.socket?.write('HTTP/1.1 204 X\r\n\r\nHTTP/1.1 200 X\r\n\r\n'),
  agree: (response) => response.socket?.end('HTTP/1.1 101 X\r\n\r\n'),
}
beforeAll(async () => {
  house = await House.build()
  // One service for each way: a breaker that one of them opens protects no other.
  for (const [way, answer] of Object.entries(WAYS)) {
    const server = await house.service(`${way}-1`)
    servers.push(server)
    server.handler = (_seen, response) => answer(response.on('error', () => {}))
    server.server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {}).end(OTHER_PROTOCOL)
    })
  }
  const fails = (at: 'data' | 'end') => ({
    tap: () => ({ data: () => {}, end: () => {}, [at]: failing }),
  })
  door = await house.gateway({ GATEWAY_IN_FLIGHT_PER_SOURCE_MAX: String(PER_SOURCE_MAX) }, [
    testPlugin(new Seen(), 'test-data', 2, () => fails('data')),
    testPlugin(new Seen(), 'test-end', 1, () => fails('end')),
  ])
  const calm = await house.service('calm-1')
  calm.server.on('request', () => {
    begun++
  })
  calm.handler = (_seen, response) => void held.push(response)
  const services = [...Object.keys(WAYS), 'calm'].map((name) => kongService(name))
  // The same service, with less patience.
  const soon = kongService('calm', { name: 'soon', read_timeout: 500 })
  const brief = kongService('begin', { name: 'brief', read_timeout: 500 })
  const tapped = [
    kongService('ok', { name: 'tapped-data' }),
    kongService('cut', { name: 'tapped-end' }),
  ]
  const all = [...services, soon, brief, ...tapped]
  await house.configure({
    services: all,
    plugins: tapped.map((service, i) =>
      kongPlugin(i === 0 ? 'test-data' : 'test-end', { service }, { say: 'x' }),
    ),
    routes: all.map((each) =>
      kongRoute(each, {
        ...{
          paths: [`/${(each.name ?? '').replace('-service', '')}`],
          tags: ['public'],
          protocols: ['https', 'wss'],
        },
      }),
    ),
  })
})
afterAll(() => house.close())

const OTHER_PROTOCOL = 'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
/** What a client of HTTP/1.1 sends. */
const texts = (way: string): readonly string[] => {
  const get = `GET /${way} HTTP/1.1\r\nHost: localhost\r\n`
  const post = `POST /${way} HTTP/1.1\r\nHost: localhost\r\n`
  return [
    `${get}\r\n`,
    `${get}\r\n${get}\r\n${get}\r\n`,
    `${get}\r\n${get}`,
    `${get}${UPGRADE}\r\n${get}\r\n`,
    `${post}Content-Length: 5\r\n\r\nhel`,
    `${post}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n`,
    `${post}Content-Length: 300000\r\n\r\n${'a'.repeat(200_000)}`,
    `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
    `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nbroken`,
    `${post}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${get}\r\n`,
    `${get}\r\nbroken`,
  ]
}
/** The beginning of a body that is not kept whole. */
const upload = (path: string): string =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n${'a'.repeat(200_000)}`
const ENDS: readonly ((socket: TLSSocket) => unknown)[] = [
  (socket) => socket.destroy(),
  (socket) => socket.end(),
  (socket) => socket.write('more'),
]
async function oneOfHttp1(text: string, end: (socket: TLSSocket) => unknown): Promise<void> {
  const socket = await open({ port: door.port, ca: house.pki.bundle })
  socket.on('error', () => {}).resume()
  socket.write(text)
  await new Promise((resolve) => setImmediate(resolve))
  end(socket)
  await new Promise((resolve) => setTimeout(resolve, 5))
  socket.destroy()
}
async function oneOfHttp2(way: string, code: number): Promise<void> {
  const session = openH2({ port: door.port, ca: house.pki.bundle })
  const streams = ['GET', 'POST', 'POST'].map((method, i) => {
    const stream = session.request(
      { ':method': method, ':path': `/${way}` },
      { endStream: i === 0 },
    )
    stream.on('error', () => {}).resume()
    if (i > 0) stream.write('a'.repeat(i * 50_000))
    return stream
  })
  await new Promise((resolve) => setTimeout(resolve, 10))
  streams[1]?.close(code)
  streams[2]?.end()
  await new Promise((resolve) => setTimeout(resolve, 5))
  session.destroy()
}
const underWay = async (): Promise<string> =>
  (await door.metrics.text())
    .split('\n')
    .filter((line) => /^countersign_(requests_in_flight|gateway_tunnels)/.test(line))
    .map((line) => line.split(' ')[1])
    .join()

it('leaves nothing under way', async () => {
  for (const way of Object.keys(WAYS)) {
    const kinds = texts(way).flatMap((text) => ENDS.map((end) => () => oneOfHttp1(text, end)))
    for (const code of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL])
      kinds.push(() => oneOfHttp2(way, code))
    while (kinds.length > 0) await Promise.all(kinds.splice(0, 6).map((kind) => kind()))
  }
  await until(async () => /^0(,0)?$/.test(await underWay()), 'nothing is under way', 30_000)
  for (const response of held.splice(0)) response.destroy()
  expect(servers.filter(({ seen }) => seen.length === 0)).toEqual([])
  // What clients have done is not said of services.
  expect(await door.metrics.text()).not.toMatch(/reason="ABORTED"|status="0"/)
  // All that a client may have at once is there for it.
  const { bundle: ca } = house.pki
  const asked = Array.from({ length: PER_SOURCE_MAX }, () =>
    ask({ port: door.port, ca, path: '/calm', headers: { host: 'localhost' } }),
  )
  await until(() => held.length === PER_SOURCE_MAX, 'all are with the service', 30_000)
  for (const response of held.splice(0)) response.end('held')
  const statuses = (await Promise.all(asked)).map(({ status, body }) => `${status} ${body}`)
  expect([...new Set(statuses)]).toEqual(['200 held'])
}, 60_000)

it('no client opens a breaker by going away in its body', async () => {
  const { bundle: ca } = house.pki
  for (let i = 0; i < ABORTED; i++) {
    const socket = await open({ port: door.port, ca })
    const seen = begun
    socket.on('error', () => {})
    socket.write(upload('/calm'))
    await until(() => begun > seen, 'the service has the beginning')
    socket.destroy()
  }
  await stillAnswers('/calm')
})

it('no client opens a breaker by being slow', async () => {
  const sockets = await Promise.all(
    Array.from({ length: ABORTED }, () => open({ port: door.port, ca: house.pki.bundle })),
  )
  const answers = sockets.map((socket) => {
    const answer = exchange(socket, upload('/soon'), 20_000)
    return answer.then((text) => text.slice(0, 12))
  })
  expect(await Promise.all(answers)).toEqual(answers.map(() => 'HTTP/1.1 408'))
  await stillAnswers('/soon')
})

it('no client opens a breaker by asking for what is quiet', async () => {
  const { bundle: ca } = house.pki
  const get = 'GET /brief HTTP/1.1\r\nHost: localhost\r\n\r\n'
  const heard = async (): Promise<string> =>
    (await exchange(await open({ port: door.port, ca }), get, 20_000)).slice(0, 12)
  const streams = await Promise.all(Array.from({ length: ABORTED }, heard))
  expect(new Set([...streams, await heard()])).toEqual(new Set(['HTTP/1.1 200']))
})

it('no plugin that fails in the middle of an answer ends the process, or has the service blamed', async () => {
  const { bundle: ca } = house.pki
  const statuses = new Set<number>()
  for (let i = 0; i < ABORTED; i++)
    statuses.add(
      (await ask({ port: door.port, ca, path: '/tapped-data', headers: { host: 'localhost' } }))
        .status,
    )
  expect([...statuses]).toEqual([500])
  const get = 'GET /tapped-end HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
  expect(await exchange(await open({ port: door.port, ca }), get, 20_000)).toMatch(/^HTTP/)
  expect(
    (await ask({ port: door.port, ca, path: '/ok', headers: { host: 'localhost' } })).status,
  ).toBe(200)
})

async function stillAnswers(path: string): Promise<void> {
  const { bundle: ca } = house.pki
  const asked = ask({ port: door.port, ca, path, headers: { host: 'localhost' } })
  await until(() => held.length > 0, 'it is asked')
  for (const response of held.splice(0)) response.end('held')
  expect((await asked).status).toBe(200)
}
