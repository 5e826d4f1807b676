import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import { createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CONNECTING_MAX } from './limits.ts'
import { createTestLog } from './testing/issuer.ts'
import { idOf, TestIdentity, TestPki } from './testing/pki.ts'
import { createUpstream, type Upstream } from './upstream.ts'
import { UpstreamError } from './upstream-error.ts'
import type { UpstreamRequest } from './upstream-request.ts'

let pki: TestPki
let identity: TestIdentity
beforeAll(async () => {
  pki = await TestPki.create()
})
const cleanups: (() => unknown)[] = []
beforeEach(async () => {
  identity = new TestIdentity(await pki.svid('order'), pki.bundle)
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function listen(server: TcpServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
async function serve(handler: RequestListener, options: ServerOptions = {}): Promise<number> {
  const { chain, key } = await pki.svid('payment')
  const ca = pki.bundle
  const tls = { cert: chain, key, ca, requestCert: true, rejectUnauthorized: true }
  return listen(createServer({ ...tls, minVersion: 'TLSv1.3', ...options }, handler))
}
function upstreamTo(
  port: number,
  options: { inFlightMax?: number; connectionsMax?: number } = {},
): Upstream {
  const upstream = createUpstream({
    address: { host: '127.0.0.1', port },
    expectedId: idOf('payment'),
    identity,
    log: createTestLog().log,
    ...options,
  })
  cleanups.push(() => upstream.close())
  return upstream
}
const ask = (changes: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  method: 'GET',
  path: '/',
  headers: [],
  timeoutMs: 20_000,
  ...changes,
})
async function errorOf(promise: Promise<unknown>): Promise<UpstreamError> {
  const thrown = await promise.catch((error: unknown) => error)
  if (!(thrown instanceof UpstreamError)) throw new Error('no UpstreamError', { cause: thrown })
  return thrown
}
const peerOf = (request: IncomingMessage) => (request.socket as TLSSocket).getPeerX509Certificate()
const ok: RequestListener = (_request, response) => void response.end('ok')

describe('a request to a workload that proves who it is', () => {
  it('gets its answer, and our certificate is shown', async () => {
    const seen: (string | undefined)[] = []
    const port = await serve((request, response) => {
      seen.push(peerOf(request)?.subjectAltName, request.headers['x-a'] as string)
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => response.writeHead(201, { 'X-B': 'b' }).end(Buffer.concat(chunks)))
    })
    const upstream = upstreamTo(port)
    expect(upstream.evidence).toBeUndefined()
    const headers = ['x-a', 'a', 'content-type', 'application/json']
    const reply = await upstream.request(ask({ method: 'POST', headers, body: '{"a":1}' }))
    expect([reply.status, reply.header('x-b'), reply.body.toString()]).toEqual([
      201,
      'b',
      '{"a":1}',
    ])
    expect(seen).toEqual([`URI:${idOf('order')}`, 'a'])
    expect(upstream.evidence).toMatchObject({ peerId: idOf('payment'), tlsVersion: 'TLSv1.3' })
    expect(upstream.evidence?.peerSerial).toMatch(/^[1-9a-f][0-9a-f]*$/)
    expect(upstream.inFlight).toBe(0)
  })
  it('keeps its connection, whatever host a header names', async () => {
    const sockets = new Set<unknown>()
    const hosts = new Set<string | undefined>()
    const port = await serve((request, response) => {
      sockets.add(request.socket)
      hosts.add(request.headers.host)
      response.end()
    })
    const upstream = upstreamTo(port)
    for (const host of ['a.example', 'b.example', 'c.example', 'd.example', 'e.example'])
      await upstream.request(ask({ headers: ['Host', host, 'x-a', 'a', 'host', host] }))
    // the pool opens a second one for a request that comes in the very moment the first is done
    expect(sockets.size).toBeLessThanOrEqual(2)
    expect([...hosts]).toEqual([`127.0.0.1:${port}`])
  })
  it('resumes its session with the same workload, and keeps the proof', async () => {
    const shown: (string | undefined)[] = []
    const port = await serve((request, response) => {
      shown.push(peerOf(request)?.subjectAltName)
      response.end()
      if (request.url === '/last') response.on('finish', () => request.socket.end())
    })
    const upstream = upstreamTo(port, { connectionsMax: 1 })
    await upstream.request(ask({ path: '/last' }))
    const first = upstream.evidence
    expect(first?.resumed).toBe(false)
    await upstream.request(ask({ path: '/last' }))
    expect(upstream.evidence).toEqual({ ...first, resumed: true })
    identity.renew(await pki.svid('order'))
    await upstream.request(ask())
    expect(upstream.evidence?.resumed).toBe(false)
    // and the other side knows us as well
    expect(shown).toEqual(Array(3).fill(`URI:${idOf('order')}`))
  })
  it('shares a bounded number of connections among many', async () => {
    const sockets = new Set<unknown>()
    const port = await serve((request, response) => {
      sockets.add(request.socket)
      setTimeout(() => response.end('x'.repeat(100_000)), 5)
    })
    const upstream = upstreamTo(port, { connectionsMax: 4 })
    const replies = await Promise.all(Array.from({ length: 100 }, () => upstream.request(ask())))
    expect(replies.every(({ body }) => body.length === 100_000)).toBe(true)
    expect(sockets.size).toBe(4)
    expect(upstream.inFlight).toBe(0)
  })
  it('streams its answer at the pace of the receiver', async () => {
    const port = await serve((_request, response) => void response.end(Buffer.alloc(2_000_000)))
    const upstream = upstreamTo(port)
    let bytes = 0
    let heldBack = 0
    await new Promise<void>((resolve, reject) => {
      let go = (): void => undefined
      upstream.stream(ask(), {
        head: (_status, _headers, resume) => {
          go = resume
          return true
        },
        data: (chunk) => {
          bytes += chunk.length
          if (heldBack++ % 10 !== 0) return true
          setTimeout(go, 1)
          return false
        },
        end: () => resolve(),
        error: reject,
      })
    })
    expect(bytes).toBe(2_000_000)
  })
})

describe('a request is not sent at all to', () => {
  const requests: IncomingMessage[] = []
  const note: RequestListener = (request, response: ServerResponse) => {
    requests.push(request)
    response.end()
  }
  async function refusalBy(port: number): Promise<UpstreamError> {
    requests.length = 0
    const upstream = upstreamTo(port)
    const error = await errorOf(upstream.request(ask({ method: 'POST', body: 'secret' })))
    expect(requests).toHaveLength(0)
    expect(upstream.evidence).toBeUndefined()
    expect(error.sent).toBe(false)
    return error
  }
  it('another workload', async () => {
    const { chain, key } = await pki.svid('user')
    const error = await refusalBy(await serve(note, { cert: chain, key }))
    expect(error.code).toBe('PEER_REFUSED')
    expect(error.message).toContain(`it is ${idOf('user')}`)
  })
  it('one whose name only begins like the expected one', async () => {
    const { chain, key } = await pki.svid('payments')
    expect((await refusalBy(await serve(note, { cert: chain, key }))).code).toBe('PEER_REFUSED')
  })
  it('one with the right name from another root', async () => {
    const { chain, key } = await (await TestPki.create()).svid('payment')
    expect((await refusalBy(await serve(note, { cert: chain, key }))).code).toBe('PEER_REFUSED')
  })
  it('one whose certificate has ended', async () => {
    const { chain, key } = await pki.svid('payment', Date.now() - 1_000)
    expect((await refusalBy(await serve(note, { cert: chain, key }))).code).toBe('PEER_REFUSED')
  })
  it('one with a certificate of a host', async () => {
    const { chain, key } = await pki.hostCertificate()
    expect((await refusalBy(await serve(note, { cert: chain, key }))).code).toBe('PEER_REFUSED')
  })
  it('one that speaks TLS 1.2 only', async () => {
    const port = await serve(note, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })
    expect((await refusalBy(port)).sent).toBe(false)
  })
  it('one that does not agree on HTTP/1.1', async () => {
    const { chain, key } = await pki.svid('payment')
    const server = createTlsServer({ cert: chain, key, ca: pki.bundle }, () => undefined)
    expect((await refusalBy(await listen(server))).message).toContain('HTTP/1.1')
  })
  it('one that speaks no TLS', async () => {
    const server = createTcpServer((socket) => void socket.end('HTTP/1.1 200 OK\r\n\r\n'))
    expect((await refusalBy(await listen(server))).sent).toBe(false)
  })
  it('nobody', async () => {
    const server = createTcpServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    expect((await refusalBy(port)).code).toBe('CONNECT_FAILED')
  })
})

describe('a request ends with an error when', () => {
  it('the deadline passes, and says whether it was sent', async () => {
    const upstream = upstreamTo(await serve(() => undefined))
    const error = await errorOf(upstream.request(ask({ timeoutMs: 200 })))
    expect([error.code, error.sent, error.answered]).toEqual(['TIMEOUT', true, false])
    await until(() => upstream.inFlight === 0, 'nothing in flight')

    const silent = createTcpServer(() => undefined)
    const unsent = await errorOf(upstreamTo(await listen(silent)).request(ask({ timeoutMs: 200 })))
    expect([unsent.code, unsent.sent]).toEqual(['TIMEOUT', false])
  })
  it('no handshake comes in two seconds', async () => {
    const silent = createTcpServer(() => undefined)
    const error = await errorOf(upstreamTo(await listen(silent)).request(ask()))
    expect([error.code, error.sent]).toEqual(['CONNECT_FAILED', false])
  })
  it('no handshake comes, however many ask: few are tried at one time', async () => {
    const sockets: Socket[] = []
    const silent = createTcpServer((socket) => void sockets.push(socket))
    const upstream = upstreamTo(await listen(silent))
    const asked = Array.from({ length: 50 }, () => errorOf(upstream.request(ask())))
    await until(() => sockets.length === CONNECTING_MAX, 'the first are tried')
    sockets[0]?.destroy()
    await until(() => sockets.length === CONNECTING_MAX + 1, 'and another one for one that failed')
    const codes = (await Promise.all(asked)).map(({ code }) => code)
    expect(new Set(codes)).toEqual(new Set(['CONNECT_FAILED']))
    for (const socket of sockets) socket.destroy()
  })
  it('the connection is lost before and amid the answer', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/amid') response.writeHead(200, { 'content-length': 10 }).write('x')
      setTimeout(() => request.socket.destroy(), 20)
    })
    const upstream = upstreamTo(port)
    const before = await errorOf(upstream.request(ask()))
    expect([before.code, before.sent, before.answered]).toEqual(['CONNECTION_LOST', true, false])
    const amid = await errorOf(upstream.request(ask({ path: '/amid' })))
    expect([amid.code, amid.sent, amid.answered]).toEqual(['CONNECTION_LOST', true, true])
  })
  it('the answer is larger than asked for', async () => {
    const port = await serve((_request, response) => void response.end('x'.repeat(1_000)))
    const upstream = upstreamTo(port)
    const error = await errorOf(upstream.request(ask(), { bodyBytesMax: 999 }))
    expect([error.code, error.answered]).toEqual(['ANSWER_TOO_LARGE', true])
    await expect(upstream.request(ask(), { bodyBytesMax: 1_000 })).resolves.toBeDefined()
  })
  it('the answer is no HTTP', async () => {
    const port = await serve((request) => {
      request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx')
    })
    expect((await errorOf(upstreamTo(port).request(ask()))).code).toBe('ANSWER_MALFORMED')
  })
  it('a header cannot be written', async () => {
    const upstream = upstreamTo(await serve(ok))
    const error = await errorOf(upstream.request(ask({ headers: ['x-a', 'a\r\nx-b: b'] })))
    expect(error.code).toBe('REQUEST_INVALID')
    expect(upstream.inFlight).toBe(0)
  })
  it('the caller gives up', async () => {
    const upstream = upstreamTo(await serve(() => undefined))
    const controller = new AbortController()
    const lost = errorOf(upstream.request(ask(), { signal: controller.signal }))
    setTimeout(() => controller.abort(), 50)
    expect((await lost).code).toBe('ABORTED')
    const early = errorOf(upstream.request(ask(), { signal: controller.signal }))
    expect([(await early).code, (await early).sent]).toEqual(['ABORTED', false])
    await until(() => upstream.inFlight === 0, 'nothing in flight')
  })
  it('too many are on their way', async () => {
    const upstream = upstreamTo(await serve(() => undefined), { inFlightMax: 3 })
    const errors = Array.from({ length: 5 }, () =>
      errorOf(upstream.request(ask({ timeoutMs: 300 }))),
    )
    const codes = (await Promise.all(errors)).map(({ code }) => code)
    expect(codes.sort()).toEqual(['OVERLOADED', 'OVERLOADED', 'TIMEOUT', 'TIMEOUT', 'TIMEOUT'])
  })
  it('the upstream is closed', async () => {
    const upstream = upstreamTo(await serve(ok))
    await upstream.request(ask())
    await upstream.close()
    expect((await errorOf(upstream.request(ask()))).code).toBe('CLOSED')
    expect(identity.listeners).toBe(0)
  })
})

describe('after a renewal of the certificate', () => {
  it('new connections show the new one, and no request fails', { timeout: 120_000 }, async () => {
    const serials = new Map<string, number>()
    const port = await serve((request, response) => {
      const serial = peerOf(request)?.serialNumber ?? 'none'
      serials.set(serial, (serials.get(serial) ?? 0) + 1)
      setTimeout(() => response.end('ok'), 3)
    })
    const upstream = upstreamTo(port, { connectionsMax: 8 })
    let running = true
    let answered = 0
    const failures: unknown[] = []
    const load = Array.from({ length: 40 }, async () => {
      while (running) {
        const patient = ask({ method: 'POST', body: 'x', timeoutMs: 30_000 })
        await upstream.request(patient).then(
          () => answered++,
          (error: unknown) => failures.push(error),
        )
      }
    })
    for (let i = 0; i < 8; i++) {
      await until(() => serials.size === i + 1, 'the one of now is shown')
      identity.renew(await pki.svid('order'))
    }
    await until(() => serials.size === 9, 'the last one is shown')
    await until(() => answered > 500, 'calls go on', 60_000)
    running = false
    await Promise.all(load)
    expect(failures).toEqual([])
    expect(serials.size).toBe(9)
  })
  it('that cannot be used, the old one goes on', async () => {
    const upstream = upstreamTo(await serve(ok))
    identity.renew({ chain: 'nonsense', key: 'nonsense' })
    await expect(upstream.request(ask())).resolves.toMatchObject({ status: 200 })
  })
  it('the old connections are closed', async () => {
    const open = new Set<unknown>()
    const { chain, key } = await pki.svid('payment')
    const server = createServer({ cert: chain, key, ca: pki.bundle, requestCert: true }, ok)
    server.on('secureConnection', (socket) => {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
    })
    const upstream = upstreamTo(await listen(server))
    await upstream.request(ask())
    identity.renew(await pki.svid('order'))
    await upstream.request(ask())
    await until(() => open.size === 1, 'one connection is left')
  })
})
