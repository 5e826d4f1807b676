import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exchange, open } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

/* What several requests, or a request and something that is none, can do to each other on one connection. */
let house: House
let order: UpstreamServer
let door: Running
beforeAll(async () => {
  house = await House.build()
  order = await house.service('order-1')
  door = await house.gateway()
})
afterAll(() => house.close())

const connect = () => open({ port: door.port, ca: house.pki.bundle })
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((each) => each[1] ?? '')
const inFlight = async (at = door): Promise<string | undefined> =>
  /^countersign_requests_in_flight (\d+)/m.exec(await at.metrics.text())?.[1]

describe('a client that goes away', () => {
  it('while it is looked at who it is leaves nothing under way', async () => {
    let told: (value: unknown) => void = () => {}
    house.keysWait = new Promise((resolve) => {
      told = resolve
    })
    const other = await house.gateway()
    const socket = await open({ port: other.port, ca: house.pki.bundle })
    const asked = house.keysAsked
    socket.write(
      `GET /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${house.tokens.token()}\r\n\r\n`,
    )
    await until(() => house.keysAsked > asked, 'keys asked for')
    socket.destroy()
    await sleep(100)
    told(undefined)
    await until(async () => (await inFlight(other)) === '0', 'nothing under way')
    expect(order.seen).toEqual([])
    await other.gateway.close()
  })
  it('takes all of its pipelined requests with it', async () => {
    const socket = await connect()
    order.handler = (_seen, response) => void setTimeout(() => response.end('{}'), 100)
    socket.write(get('/slow').repeat(5))
    await until(() => order.seen.length === 5, 'five requests at the service')
    socket.destroy()
    await until(async () => (await inFlight()) === '0', 'nothing under way')
  })
})

describe('pipelined requests', () => {
  it('are served up to a bound, above which the connection ends', async () => {
    order.handler = (_seen, response) => void response.end('{}')
    // Fifty at once open fifty connections to the service, which takes a busy machine a try or two.
    const few = async () => statuses(await exchange(await connect(), get('/slow').repeat(50)))
    await expect.poll(few, { timeout: 15_000 }).toEqual(Array(50).fill('200'))
    const before = door.events.length
    await exchange(await connect(), get('/nothing').repeat(10_000))
    expect(door.events.length - before).toBeLessThanOrEqual(64)
    const figures = await door.metrics.text()
    expect(figures).toContain('connections_refused_total{reason="pipeline"} 1')
  })
  it('are not answered with what a broken one behind them deserves', async () => {
    order.handler = (_seen, response) => void setTimeout(() => response.end('{}'), 100)
    const before = door.events.length
    const text = await exchange(await connect(), `${get('/slow')}GET / HTTP/9\r\n\r\n`)
    expect(text).toBe('')
    expect(door.events.slice(before).some((event) => event.event.code === 'REQUEST_INVALID')).toBe(
      true,
    )
  })
})

describe('bytes that are no request', () => {
  it('get their answer also while more of them come', async () => {
    const text = exchange(await connect(), `GET /${'a'.repeat(1_000_000)}`)
    expect(statuses(await text)).toEqual(['414'])
  })
  it('do not come for ever: the connection is cut', async () => {
    const socket = await connect()
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {}).write('no request\r\n\r\n')
    const pour = setInterval(() => socket.write('a'.repeat(1_000)), 5)
    await Promise.race([closed, sleep(15_000).then(() => Promise.reject(new Error('still open')))])
    clearInterval(pour)
  })
  it('in a body are the end of that request', async () => {
    const head = 'POST /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n'
    const text = await exchange(await connect(), `${head}5\r\nhello\r\nnonsense\r\n`)
    expect(statuses(text)).toEqual(['400'])
  })
})

describe('an answer that comes before the body of its request', () => {
  const early = (_request: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(415, { 'content-type': 'application/json' }).end('{"early":true}')
  }
  it('reaches the client, and what follows on the connection is no request', async () => {
    order.server.removeAllListeners('request')
    order.server.on('request', early)
    const seen = order.seen.length
    const head =
      'POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\nContent-Type: x/y\r\n\r\n'
    const socket = await connect()
    let ended = false
    socket.once('end', () => {
      ended = true
    })
    const text = await exchange(socket, head + 'a'.repeat(100_000), 50_000)
    expect(statuses(text)).toEqual(['415'])
    expect(text).toContain('{"early":true}')
    expect(text.toLowerCase()).toContain('connection: close')
    expect(ended).toBe(true)
    expect(order.seen.length).toBe(seen)
    await until(async () => (await inFlight()) === '0', 'nothing under way')
  })
})

it('an expectation that nobody can meet is refused like everything else', async () => {
  const before = door.events.length
  const head = 'POST /upload HTTP/1.1\r\nHost: localhost\r\nExpect: 200-ok\r\n'
  const text = await exchange(await connect(), `${head}Content-Length: 0\r\n\r\n`)
  expect(statuses(text)).toEqual(['400'])
  expect(text).toContain('application/problem+json')
  expect(door.events.slice(before)).toMatchObject([{ event: { code: 'REQUEST_INVALID' } }])
})

it('a body in pieces of one byte arrives whole', async () => {
  const other = await House.build()
  const service = await other.service('order-1')
  const running = await other.gateway()
  const bytes = Array.from({ length: 3_000 }, (_, i) => String(i % 10))
  const body = `${bytes.map((each) => `1\r\n${each}\r\n`).join('')}0\r\n\r\n`
  const head =
    'POST /upload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
  const socket = await open({ port: running.port, ca: other.pki.bundle })
  expect(statuses(await exchange(socket, head + body))).toEqual(['200'])
  expect(service.seen.at(-1)?.body).toBe(bytes.join(''))
  await other.close()
})
