import { request as httpsRequest } from 'node:https'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, type Ask, exchange, open } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'

let house: House
let door: Running
beforeEach(async () => {
  house = await House.build()
  door = await house.gateway()
})
afterEach(() => house.close())

const get = (path: string, more: Partial<Ask> = {}) =>
  ask({ port: door.port, ca: house.pki.bundle, path, ...more })
const token = (): string => house.tokens.token()
const from = (answer: { json(): Record<string, unknown> }): unknown => answer.json().from

describe('instances', () => {
  it('share the load', async () => {
    const two = [await house.service('order-1'), await house.service('order-2')]
    for (let i = 0; i < 20; i++) await get('/slow')
    for (const each of two) expect(each.seen.length).toBeGreaterThan(2)
  })
  it('that appear and disappear are used and left at once', async () => {
    expect((await get('/slow')).status).toBe(503)
    const one = await house.service('order-1')
    expect(from(await get('/slow'))).toBe('order-1')
    const two = await house.service('order-2')
    house.instances('order').set([two.entry])
    one.kill()
    for (let i = 0; i < 4; i++) expect(from(await get('/slow'))).toBe('order-2')
    house.instances('order').set([])
    const none = await get('/slow')
    expect(none.json()).toMatchObject({ status: 503, code: 'NO_INSTANCE' })
    expect(none.headers['retry-after']).toBe('1')
  })
  it('that show the certificate of another workload get no byte', async () => {
    const impostor = await house.service('order-1', 'payment')
    const answer = await get('/slow')
    expect(answer.json()).toMatchObject({ status: 502, code: 'UPSTREAM_FAILED' })
    expect(impostor.seen).toEqual([])
    expect(door.events.at(-1)?.countersign?.rule).toMatch(/PEER_REFUSED/)
  })
  it('that are gone cost nothing: a request that was not sent goes to another, whatever it is', async () => {
    const one = await house.service('order-1')
    await house.service('order-2')
    one.kill()
    for (let i = 0; i < 6; i++) {
      const answer = await get('/orders', { method: 'POST', token: token(), body: '{}' })
      expect([answer.status, from(answer)]).toEqual([200, 'order-2'])
    }
  })
})

it('an answer that can have no body tells of none', async () => {
  const one = await house.service('order-1')
  one.handler = (_seen, response) =>
    response.socket?.write('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-A: b\r\n\r\n')
  const { status, headers } = await get('/slow')
  expect([status, headers['x-a'], headers['content-length']]).toEqual([204, 'b', undefined])
})

describe('a safe repetition', () => {
  const failing = async (): Promise<void> => {
    const one = await house.service('order-1')
    await house.service('order-2')
    // Takes every request and hangs up without an answer.
    one.handler = (_seen, response) => response.destroy()
  }
  it('is made for what the contract calls idempotent', async () => {
    await failing()
    for (let i = 0; i < 3; i++) expect(from(await get('/slow'))).toBe('order-2')
  })
  it('is made for a POST only with a key, where the endpoint honours one', async () => {
    await failing()
    const post = (headers: Record<string, string> = {}) =>
      get('/orders', { method: 'POST', token: token(), body: '{}', headers })
    for (let i = 0; i < 4; i++)
      expect((await post({ 'idempotency-key': `k${i}` })).status).toBe(200)
    const plain: number[] = []
    for (let i = 0; i < 40 && !plain.includes(502); i++) plain.push((await post()).status)
    expect(plain).toContain(502)
  })
  it('is not made for a key that no service takes: that is refused before anything is begun', async () => {
    const one = await house.service('order-1')
    for (const key of ['', 'two words', 'x'.repeat(129), ['a', 'b']]) {
      const headers = { 'idempotency-key': key }
      const answer = await get('/orders', { method: 'POST', token: token(), body: '{}', headers })
      expect(answer.json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' })
    }
    expect(one.seen).toEqual([])
  })
  it('is made for anything that an instance says it has not begun', async () => {
    const one = await house.service('order-1')
    const two = await house.service('order-2')
    one.handler = (_seen, response) => {
      response.writeHead(503, { 'countersign-not-started': '1' })
      response.end('{}')
    }
    for (let i = 0; i < 4; i++)
      expect(from(await get('/orders', { method: 'POST', token: token(), body: '{}' }))).toBe(
        'order-2',
      )
    two.handler = one.handler
    const answer = await get('/orders', { method: 'POST', token: token(), body: '{}' })
    expect(answer.json()).toMatchObject({ status: 503, code: 'NO_INSTANCE' })
    expect(answer.headers['countersign-not-started']).toBeUndefined()
  })
  it('is made once', async () => {
    const all = [
      await house.service('order-1'),
      await house.service('order-2'),
      await house.service('order-3'),
    ]
    for (const each of all) each.handler = (_seen, response) => response.destroy()
    expect((await get('/slow')).json()).toMatchObject({ status: 502, code: 'UPSTREAM_FAILED' })
    expect(all.reduce((sum, each) => sum + each.seen.length, 0)).toBe(2)
  })
  it('is never made after a byte of an answer', async () => {
    const all = [await house.service('order-1'), await house.service('order-2')]
    for (const each of all)
      each.handler = (_seen, response) => {
        response.writeHead(200, { 'content-length': 1_000_000 })
        response.write('x'.repeat(200_000))
        setTimeout(() => response.destroy(), 50)
      }
    await expect(get('/slow')).rejects.toThrow()
    expect(all.reduce((sum, each) => sum + each.seen.length, 0)).toBe(1)
    await until(() => door.events.length >= 0, 'settled')
  })
})

describe('a service in trouble', () => {
  it('that does not answer in time is 504, and is not asked again', async () => {
    const all = [await house.service('order-1'), await house.service('order-2')]
    for (const each of all) each.handler = () => {}
    const answer = await get('/slow')
    expect(answer.json()).toMatchObject({ status: 504, code: 'UPSTREAM_TIMEOUT' })
    expect(all.reduce((sum, each) => sum + each.seen.length, 0)).toBe(1)
  })
  it('gets no calls while its breaker is open, and is tried again later', async () => {
    let clock = 0
    house.breakerNow = () => clock
    const held = await house.gateway()
    const call = () => ask({ port: held.port, ca: house.pki.bundle, path: '/slow' })
    const open = async (): Promise<boolean> =>
      (await held.metrics.text()).includes(
        'countersign_breaker_open{service="order",instance="order-1"} 1',
      )
    const one = await house.service('order-1')
    await house.service('order-2')
    one.handler = (_seen, response) => response.destroy()
    for (let i = 0; i < 200 && !(await open()); i++) expect((await call()).status).toBe(200)
    expect(await open()).toBe(true)
    const before = one.seen.length
    for (let i = 0; i < 10; i++) expect(from(await call())).toBe('order-2')
    expect(one.seen.length).toBe(before)
    one.handler = (_seen, response) => response.end('{"from":"order-1"}')
    for (let i = 0; i < 10; i++) expect(from(await call())).toBe('order-2')
    // Longer than a breaker stays open at its first opening.
    clock += 1_000
    await until(async () => from(await call()) === 'order-1', 'it is tried again', 15_000)
    expect(await open()).toBe(false)
  })
  it('that speaks nonsense is 502 without a word of it', async () => {
    const one = await house.service('order-1')
    one.handler = (_seen, response) =>
      response.socket?.end(
        'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nsecret',
      )
    const answer = await get('/slow')
    expect(answer.json()).toMatchObject({ status: 502, code: 'UPSTREAM_FAILED' })
    expect(answer.body).not.toContain('secret')
  })
  it('answers its own refusals, and they pass as they are', async () => {
    const one = await house.service('order-1')
    one.handler = (_seen, response) => {
      response.writeHead(404, {
        'content-type': 'application/problem+json',
        ratelimit: 'inner',
        'x-request-id': 'theirs',
      })
      response.end('{"code":"NOT_FOUND"}')
    }
    const answer = await get('/orders/7', { token: token() })
    expect([answer.status, answer.body]).toEqual([404, '{"code":"NOT_FOUND"}'])
    expect(answer.headers['x-request-id']).not.toBe('theirs')
    expect(answer.headers.ratelimit).not.toContain('inner')
  })
})

describe('a client', () => {
  it('that goes away ends the call, and is no fault of the instance', async () => {
    const one = await house.service('order-1')
    let closed = 0
    one.handler = (_seen, response) => void response.on('close', () => closed++)
    for (let i = 0; i < 12; i++) {
      const request = httpsRequest({
        host: '127.0.0.1',
        port: door.port,
        ca: house.pki.bundle,
        path: '/slow',
        agent: false,
      })
      request.on('error', () => {})
      request.end()
      await until(() => one.seen.length === i + 1, 'the service is asked')
      request.destroy()
      await until(() => closed === i + 1, 'the call is ended')
    }
    one.handler = (_seen, response) => response.end('{}')
    expect((await get('/slow')).status).toBe(200)
    await until(
      async () =>
        (await door.metrics.text()).includes('endpoint="slow",method="GET",status="499"} 12'),
      'it is counted',
    )
    expect(await door.metrics.text()).toContain('countersign_requests_in_flight 0')
  })
  it('sends a large body through, whole, and is told to go on', async () => {
    const one = await house.service('order-1')
    const body = Buffer.alloc(5 * 1024 * 1024, 'abc')
    const answer = await get('/upload', {
      method: 'POST',
      body,
      headers: { expect: '100-continue' },
    })
    expect(answer.status).toBe(200)
    expect(one.seen.at(-1)?.body.length).toBe(body.length)
    expect(one.seen.at(-1)?.headers['content-length']).toBe(String(body.length))
    const chunked = await chunkedUpload(3 * 1024 * 1024)
    expect(chunked).toBe(200)
    expect(one.seen.at(-1)?.body.length).toBe(3 * 1024 * 1024)
  })
  it('is cut off where a streamed body goes over the bound', async () => {
    const one = await house.service('order-1')
    expect(await chunkedUpload(9 * 1024 * 1024)).toBe(413)
    expect(one.seen).toEqual([])
  })
  it('that stops in the middle of its body is cut off', { timeout: 20_000 }, async () => {
    await house.service('order-1')
    const head = `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc`
    const socket = await open({ port: door.port, ca: house.pki.bundle })
    const text = await exchange(socket, head, 15_000)
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
  })
  it('that reads slowly holds the service back', async () => {
    const one = await house.service('order-1')
    const size = 64 * 1024 * 1024
    let sent = 0
    one.handler = (_seen, response) => {
      const chunk = Buffer.alloc(1024 * 1024)
      const push = (): void => {
        while (sent < size && response.write(chunk)) sent += chunk.length
        if (sent >= size) response.end()
        else response.once('drain', push)
      }
      push()
    }
    const socket = await open({ port: door.port, ca: house.pki.bundle })
    socket.pause()
    socket.write(
      'GET /auth/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
        .replace('/auth/x', '/orders/big')
        .replace('\r\n\r\n', `\r\nAuthorization: Bearer ${token()}\r\n\r\n`),
    )
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(sent).toBeLessThan(size / 2)
    let received = 0
    socket.resume()
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    await until(() => received > size, 'all of it arrives', 15_000)
  })

  function chunkedUpload(size: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: '127.0.0.1',
          port: door.port,
          ca: house.pki.bundle,
          path: '/upload',
          method: 'POST',
          agent: false,
        },
        (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        },
      )
      request.on('error', reject)
      const chunk = Buffer.alloc(64 * 1024, 'x')
      const push = (left: number): void => {
        if (left === 0) request.end()
        else request.write(chunk, () => push(left - chunk.length))
      }
      push(size)
    })
  }
})

describe('draining', () => {
  it('accepts nothing more, finishes what is under way and ends', async () => {
    const one = await house.service('order-1')
    let answer: (() => void) | undefined
    one.handler = (_seen, response) => {
      answer = () => response.end('{"from":"order-1"}')
    }
    const underWay = get('/orders/7', { token: token() })
    await until(() => answer !== undefined, 'the call is with the service')
    const drained = door.gateway.drain()
    expect(door.gateway.ready()).toBe(false)
    await expect(get('/slow')).rejects.toThrow('ECONNREFUSED')
    answer?.()
    expect((await underWay).status).toBe(200)
    await drained
  })
  it('tells clients of open connections to come back elsewhere', async () => {
    const one = await house.service('order-1')
    let answer: (() => void) | undefined
    one.handler = (_seen, response) => {
      answer = () => response.end('{}')
    }
    const socket = await open({ port: door.port, ca: house.pki.bundle })
    const text = exchange(
      socket,
      `GET /orders/7 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token()}\r\n\r\n`,
      50_000,
    )
    await until(() => answer !== undefined, 'the call is with the service')
    const drained = door.gateway.drain()
    answer?.()
    expect(await text).toMatch(/^HTTP\/1\.1 200 [\s\S]*connection: close/i)
    await drained
  })
})
