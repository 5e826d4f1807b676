import type { Socket } from 'node:net'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, exchange, open } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

/* What a service may do to other clients, and what answers tell about what is behind the door. The rest of the table is in docs/robustness.md. */
let house: House
let order: UpstreamServer
let door: Running
beforeAll(async () => {
  house = await House.build()
  order = await house.service('order-1')
  door = await house.gateway()
})
afterAll(() => house.close())

const get = (path: string, headers: Record<string, string> = {}) =>
  ask({ port: door.port, ca: house.pki.bundle, path, headers })

describe('B04: a service that answers what nobody asked', () => {
  const extra = 'HTTP/1.1 200 OK\r\ncontent-length: 8\r\nx-secret: yes\r\n\r\npoisoned'
  const expectGood = async (): Promise<void> => {
    const answer = await get('/slow')
    expect([answer.status, answer.body]).toEqual([200, 'asked for'])
    expect(answer.headers['x-secret']).toBeUndefined()
  }
  it('with the answer: loses the connection, and no client ever gets it', async () => {
    order.handler = (_seen, { socket }) =>
      void socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nasked for${extra}`)
    for (let i = 0; i < 10; i++) await expectGood()
    const socket = await open({ port: door.port, ca: house.pki.bundle })
    const one = 'GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n'
    const last = one.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
    const text = await exchange(socket, one.repeat(9) + last, 10_000)
    expect(text.split('asked for').length - 1).toBe(10)
    expect(text).not.toContain('poisoned')
  })
  it('on an idle connection: loses it, and no client ever gets it', async () => {
    const used: Socket[] = []
    order.handler = (_seen, response) => {
      if (response.socket !== null) used.push(response.socket)
      response.end('asked for')
    }
    for (let i = 0; i < 5; i++) {
      await expectGood()
      const socket = used.at(-1)
      socket?.write(extra)
      await until(() => socket?.destroyed, 'the connection is gone')
    }
    await expectGood()
    expect(new Set(used).size).toBe(6)
  })
})

describe('B20: a service that sends elsewhere', () => {
  it('is not followed: the client is told where, and decides', async () => {
    const before = order.seen.length
    order.handler = (_seen, response) =>
      void response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
    const answer = await get('/slow')
    expect([answer.status, answer.headers.location]).toEqual([302, 'http://169.254.169.254/latest'])
    expect(order.seen.length).toBe(before + 1)
  })
})

describe('B25: answers tell nothing of what is behind', () => {
  it('what is not for the world is not there: the same answer as for what does not exist', async () => {
    const seen = order.seen.length
    const shapes = await Promise.all(['/inner', '/nothing'].map((path) => get(path)))
    const [inner, nothing] = shapes.map(({ status, headers, body }) => {
      const id = String(headers['x-request-id'])
      return { status, names: Object.keys(headers).sort(), body: body.replaceAll(id, 'id') }
    })
    expect(inner).toEqual(nothing)
    expect(inner?.status).toBe(404)
    expect(order.seen.length).toBe(seen)
  })
  it('no refusal names a program, a version, a file or a line of code', async () => {
    order.handler = (_seen, response) => response.destroy()
    const answers = [
      ...[await get('/nothing'), await get('/orders'), await get('/slow')],
      ...[await get('/%00'), await get('/slow', { host: 'evil.test' })],
    ]
    expect(answers.map(({ status }) => status)).toEqual([404, 401, 502, 400, 421])
    for (const { headers, body } of answers) {
      expect(headers.server ?? headers['x-powered-by'] ?? headers.via).toBeUndefined()
      expect(body).not.toMatch(/node|openssl|\.ts\b|\bat .*:[0-9]+|127\.0\.0\.1|spiffe|Error/i)
    }
  })
})

it('B14: a body of a gigabyte is refused before a byte of it', async () => {
  const socket = await open({ port: door.port, ca: house.pki.bundle })
  const head = 'POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n'
  expect(await exchange(socket, head, 10_000)).toMatch(/^HTTP\/1\.1 413 /)
  await until(async () => /_in_flight 0$/m.test(await door.metrics.text()), 'nothing under way')
})
