import { once } from 'node:events'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { ask, open } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import { kongRoute, kongService } from './testing/kong-entities.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

/* WebSocket through the gateway, with a client and a service that speak it for real. */
let house: House
let chat: UpstreamServer
let door: Running
let server: WebSocketServer
/** What the service does with a connection that it has agreed to. */
let serve: (socket: WebSocket) => void
let agreed = 0
beforeAll(async () => {
  house = await House.build()
  chat = await house.service('chat-1')
  await house.service('order-1')
  server = new WebSocketServer({ server: chat.server, handleProtocols: () => 'talk' })
  server.on('connection', (socket, request) => {
    agreed++
    chat.seen.push({
      ...{ method: 'GET', url: request.url ?? '', headers: request.headers, body: '' },
      ...{ rawHeaders: request.rawHeaders, tlsVersion: '' },
    })
    serve(socket)
  })
  door = await house.gateway()
  const service = kongService('chat')
  const idle = kongService('chat', { read_timeout: 1_500 })
  await house.configure({
    services: [service, idle],
    routes: [
      kongRoute(service, { name: 'talk', paths: ['/talk'], protocols: ['https', 'wss'] }),
      kongRoute(service, { name: 'only', paths: ['/only'], protocols: ['wss'], tags: ['public'] }),
      kongRoute(idle, { name: 'idle', paths: ['/idle'], protocols: ['wss'], tags: ['public'] }),
      kongRoute(service, { name: 'plain', paths: ['/plain'], tags: ['public'] }),
    ],
  })
})
beforeEach(() => {
  serve = (socket) => void socket.on('message', (data, binary) => socket.send(data, { binary }))
})
afterAll(async () => {
  server.close()
  await house.close()
})

const connect = (path: string, headers: Record<string, string> = {}): WebSocket => {
  const socket = new WebSocket(`wss://localhost:${door.port}${path}`, ['talk'], {
    ...{ ca: house.pki.bundle, headers, perMessageDeflate: false },
  })
  socket.on('error', () => {})
  return socket
}
const bearer = (changes = {}): Record<string, string> => ({
  authorization: `Bearer ${house.tokens.token(changes)}`,
})
/** Status of the answer to a client that does not get what it asked for. */
const refusal = async (socket: WebSocket): Promise<number> => {
  const [, response] = await once(socket, 'unexpected-response')
  response.resume()
  return response.statusCode
}
const handshake = (...lines: string[]): string =>
  ['GET /only HTTP/1.1', 'Host: localhost', ...lines, '', ''].join('\r\n')
const WELL = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
]
/** What comes back, as soon as there are that many whole answers. */
async function talk(text: string, answers = 1): Promise<string> {
  const socket = await open({ port: door.port, ca: house.pki.bundle })
  let back = ''
  socket
    .on('error', () => {})
    .on('data', (chunk: Buffer) => {
      back += chunk.toString('latin1')
    })
  socket.write(text)
  await until(() => back.split('\r\n\r\n').length > answers, 'an answer')
  socket.destroy()
  return back
}

describe('a route for WebSocket', () => {
  it('lets messages of both sides pass as they are', async () => {
    const socket = connect('/talk/room?a=b', { ...bearer(), 'x-user-id': 'root' })
    await once(socket, 'open')
    expect(socket.protocol).toBe('talk')
    const seen = chat.seen.at(-1)
    expect(seen?.url).toBe('/room?a=b')
    expect(seen?.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', upgrade: 'websocket' })
    expect(seen?.headers['x-user-id']).toBeUndefined()
    for (const message of ['hello', 'x'.repeat(2_000_000)]) {
      socket.send(message)
      const [echo] = await once(socket, 'message')
      expect(String(echo) === message).toBe(true)
    }
    expect(await door.metrics.text()).toMatch(/countersign_gateway_tunnels 1/)
    socket.close(4_001, 'bye')
    const [code] = await once(socket, 'close')
    expect(code).toBe(4_001)
    await until(
      async () => /countersign_gateway_tunnels 0/.test(await door.metrics.text()),
      'it is over',
    )
    const figures = await door.metrics.text()
    expect(Number(/bytes_total\{direction="to_client"\} (\d+)/.exec(figures)?.[1])).toBeGreaterThan(
      2_000_000,
    )
    await until(
      () => door.events.some(({ http }) => http?.response?.status_code === 101),
      'it is on record',
    )
  })
  it('asks who it is like any other', async () => {
    const before = agreed
    expect(await refusal(connect('/talk'))).toBe(401)
    expect(await refusal(connect('/talk', { authorization: 'Bearer x.y.z' }))).toBe(401)
    expect(agreed).toBe(before)
  })
  it('holds a side back that is faster than the other', async () => {
    let sender: WebSocket | undefined
    const size = 64 * 1024 * 1024
    serve = (socket) => {
      sender = socket
      socket.send(Buffer.alloc(size))
    }
    const socket = connect('/only')
    socket.on('upgrade', () => socket.pause())
    await until(() => sender !== undefined, 'it is sent')
    // What cannot leave stays with the service.
    let left = -1
    await until(() => {
      const before = left
      left = sender?.bufferedAmount ?? 0
      return left === before
    }, 'nothing moves')
    expect(left).toBeGreaterThan(size / 2)
    const arrived = once(socket, 'message')
    socket.resume()
    expect((await arrived)[0].length).toBe(size)
    socket.terminate()
  })
  it('ends when either side is gone', async () => {
    let theirs: WebSocket | undefined
    serve = (socket) => {
      theirs = socket
    }
    const one = connect('/only')
    await once(one, 'open')
    await until(() => theirs !== undefined, 'it is there')
    theirs?.terminate()
    await once(one, 'close')
    theirs = undefined
    const two = connect('/only')
    await once(two, 'open')
    await until(() => theirs !== undefined, 'it is there')
    two.terminate()
    await until(() => theirs?.readyState === WebSocket.CLOSED, 'the service hears of it')
  })
  it('ends when nothing passes for longer than the service may take', async () => {
    const socket = connect('/idle')
    await once(socket, 'open')
    await once(socket, 'close')
  })
  it('ends with the token that has opened it', async () => {
    const exp = Math.floor(Date.now() / 1000) + 5
    const socket = connect('/talk', bearer({ exp }))
    await once(socket, 'open')
    await once(socket, 'close')
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(exp)
  })
})

describe('no tunnel', () => {
  it('on a route that does not name the protocol', async () => {
    const before = agreed
    expect(await refusal(connect('/plain'))).toBe(400)
    expect(await refusal(connect('/orders', bearer()))).toBe(400)
    expect(await refusal(connect('/nowhere'))).toBe(404)
    expect(agreed).toBe(before)
  })
  it('for who asks for something else where there is nothing else', async () => {
    const answer = await ask({ port: door.port, ca: house.pki.bundle, path: '/only' })
    expect([answer.status, answer.headers.upgrade]).toEqual([426, 'websocket'])
    const also = {
      port: door.port,
      ca: house.pki.bundle,
      path: '/talk',
      token: house.tokens.token(),
    }
    expect((await ask(also)).json()).toEqual({ from: 'chat-1' })
  })
  const without = (start: string, ...more: string[]): string[] => [
    ...WELL.filter((line) => !line.startsWith(start)),
    ...more,
  ]
  it.each<[string, string, RegExp]>([
    ['another protocol', handshake(...without('Upgrade', 'Upgrade: h2c')), / 400 /],
    ['two protocols', handshake(...without('Upgrade', 'Upgrade: websocket, h2c')), / 400 /],
    ['two upgrades', handshake(...WELL, 'Upgrade: websocket'), / 400 /],
    ['no connection header', handshake(...without('Connection')), / 400 /],
    ['no key', handshake(...without('Sec-WebSocket-Key')), / 400 /],
    ['a short key', handshake(...without('Sec-WebSocket-K', 'Sec-WebSocket-Key: abc=')), / 400 /],
    ['two keys', handshake(...WELL, WELL[2] ?? ''), / 400 /],
    ['no version', handshake(...without('Sec-WebSocket-V')), / 400 /],
    [
      'another version',
      handshake(...without('Sec-WebSocket-V', 'Sec-WebSocket-Version: 8')),
      / 426 [\s\S]*sec-websocket-version: 13/i,
    ],
    ['a body', `${handshake(...WELL, 'Content-Length: 1')}x`, / 400 /],
    ['another method', handshake(...WELL).replace('GET', 'POST'), / 400 /],
    ['an old protocol', handshake(...WELL).replace('HTTP/1.1', 'HTTP/1.0'), / 400 /],
    ['h2c beside it', handshake(...WELL, 'HTTP2-Settings: AAMAAABkAAQAAP__'), / 400 /],
  ])('by a handshake with %s', async (_what, text, answer) => {
    const before = agreed
    expect(await talk(text)).toMatch(answer)
    expect(agreed).toBe(before)
  })
  it('where the service does not agree, or has not read the key', async () => {
    chat.server.removeAllListeners('upgrade')
    const lies = [
      'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: no\r\n\r\n',
      'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    ]
    for (const lie of lies) {
      chat.server.once('upgrade', (_request, socket) => socket.write(lie))
      expect(await refusal(connect('/only'))).toBe(502)
    }
    chat.server.once('upgrade', (_request, socket) =>
      socket.end('HTTP/1.1 403 X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno'),
    )
    const text = await talk(
      `${handshake(...WELL)}GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      2,
    )
    expect([...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((each) => each[1])).toEqual(['403', '404'])
  })
})
