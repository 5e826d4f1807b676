import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { until } from '@countersign/ground/testkit'
import { readCertificate } from '@countersign/ground/x509'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestLog } from './testing/issuer.ts'
import { idOf, type TestCredential, TestIdentity, TestPki } from './testing/pki.ts'
import { RawServer } from './testing/raw-server.ts'
import { ask, errorOf, hear } from './testing/upstream-lab.ts'
import { createUpstream, type Upstream, type WorkloadOptions } from './upstream.ts'
import type { BodySink, BodySource } from './upstream-body.ts'

type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void
const cleanups: (() => unknown)[] = []
let pki: TestPki
let ours: TestCredential
let theirs: TestCredential
beforeAll(async () => {
  pki = await TestPki.create()
  ours = await pki.svid('order')
  theirs = await pki.svid('payment')
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Town {
  readonly upstream: Upstream
  readonly sessions: Http2Session[]
  readonly identity: TestIdentity
  readonly server: Http2SecureServer
  onStream: OnStream
}
/** Payment, which speaks HTTP/2 over mutual TLS, and the way to it. */
async function payment(
  options: Partial<WorkloadOptions> & { readonly streamsMax?: number } = {},
): Promise<Town> {
  const { streamsMax = 100, ...more } = options
  const server = createSecureServer({
    ...{ cert: theirs.chain, key: theirs.key, ca: pki.bundle, requestCert: true },
    ...{ rejectUnauthorized: true, minVersion: 'TLSv1.3' },
    settings: { maxConcurrentStreams: streamsMax },
  })
  const sessions: Http2Session[] = []
  server.on('session', (session) => sessions.push(session))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    town.onStream(stream, headers)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const identity = new TestIdentity(ours, pki.bundle)
  const upstream = createUpstream({
    ...{ address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port } },
    ...{ expectedId: idOf('payment'), identity, log: createTestLog().log, protocol: 'h2' },
    ...more,
  })
  const town: Town = { upstream, sessions, identity, server, onStream: answer }
  cleanups.push(async () => {
    const closing = upstream.close()
    for (const session of sessions) session.destroy()
    server.close()
    await closing
  })
  return town
}
const answer: OnStream = (stream, headers) => {
  stream.respond({ ':status': 200, 'x-path': headers[':path'] })
  stream.end('ok')
}

describe('a request over HTTP/2', () => {
  it('is answered with trailers, many at once over one connection', async () => {
    const town = await payment()
    let seen: IncomingHttpHeaders = {}
    town.onStream = (stream, headers) => {
      seen = headers
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc' },
        { waitForTrailers: true },
      )
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      stream.end('ok')
    }
    const headers = ['X-One', '1', 'te', 'trailers', 'connection', 'x']
    const { done } = hear(town.upstream, ask('/a?b', { headers, host: 'pay.test' }))
    const heard = await done
    expect(heard[0]?.slice(0, 2)).toEqual(['head', 200])
    expect(heard.slice(1)).toEqual([
      ['data', 'ok'],
      ['end', ['grpc-status', '0']],
    ])
    expect(seen).toMatchObject({ ':path': '/a?b', ':authority': 'pay.test', 'x-one': '1' })
    expect([seen.te, seen.connection]).toEqual(['trailers', undefined])
    town.onStream = answer
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, i) => town.upstream.request(ask(`/${i}`))),
    )
    expect(replies.map(({ status }) => status)).toEqual(Array(60).fill(200))
    expect(town.sessions.length).toBe(1)
    expect(town.upstream.evidence?.peerId).toBe(idOf('payment'))
  })
  it('waits for room where the other side allows few, and further connections are opened', async () => {
    const town = await payment({ streamsMax: 3, connectionsMax: 2 })
    await town.upstream.request(ask())
    const open: ServerHttp2Stream[] = []
    town.onStream = (stream) => void open.push(stream)
    const all = Array.from({ length: 12 }, () => town.upstream.request(ask()))
    await until(() => open.length >= 3, 'as many as allowed')
    town.onStream = (stream) => answer(stream, {})
    for (const stream of open) answer(stream, {})
    expect((await Promise.all(all)).length).toBe(12)
    expect(town.sessions.length).toBeLessThanOrEqual(2)
    expect(town.upstream.inFlight).toBe(0)
  })
  it('and its answer keep to the pace of the slower side', async () => {
    const town = await payment()
    let open: ServerHttp2Stream | undefined
    let received = 0
    town.onStream = (stream) => {
      open = stream
      stream.respond({ ':status': 200 })
      // Unless it is read, only what the window holds is taken.
      stream.pause()
    }
    let sink: BodySink | undefined
    const source: BodySource = {
      start: (given) => {
        sink = given
      },
      resume: () => {},
      cancel: () => {},
    }
    let resume: () => void = () => {}
    let got = 0
    let ended = false
    town.upstream.stream(ask('/', { method: 'POST', body: source }), {
      head: (_status, _headers, goOn) => {
        resume = goOn
        return false
      },
      data: (chunk) => {
        got += chunk.length
        return true
      },
      end: () => {
        ended = true
      },
      error: () => {},
    })
    await until(() => sink !== undefined && open !== undefined, 'both ends')
    const piece = Buffer.alloc(16 * 1024)
    let sent = 0
    for (let i = 0; i < 1_000 && sink?.write(piece) === true; i++) sent += piece.length
    expect(sent).toBeLessThan(1_000_000)
    open?.write(Buffer.alloc(3_000_000))
    open?.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    open?.resume()
    await until(() => received >= sent, 'what was written arrives')
    expect(got).toBe(0)
    resume()
    sink?.end()
    open?.end()
    await until(() => ended, 'the end')
    expect(got).toBe(3_000_000)
  })
  it('that is given up is reset, and a late one ends with its time', async () => {
    const town = await payment()
    const codes: number[] = []
    town.onStream = (stream) => stream.on('close', () => codes.push(stream.rstCode))
    const { heard, cancel } = hear(town.upstream, ask())
    await until(() => town.sessions.length === 1, 'it is asked')
    await until(() => town.upstream.evidence !== undefined, 'it is on its way')
    cancel()
    expect(heard).toEqual([['error', 'ABORTED', expect.any(Boolean), false]])
    expect(await errorOf(town.upstream.request(ask('/', { timeoutMs: 200 })))).toMatchObject({
      code: 'TIMEOUT',
    })
    await until(() => codes.includes(constants.NGHTTP2_CANCEL), 'the other side hears of it')
    town.onStream = answer
    expect((await town.upstream.request(ask())).status).toBe(200)
  })
  it('that was refused was not begun; after a GOAWAY there is another connection', async () => {
    const town = await payment()
    town.onStream = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM)
    expect(await errorOf(town.upstream.request(ask()))).toMatchObject({ sent: false })
    town.onStream = (stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    expect(await errorOf(town.upstream.request(ask()))).toMatchObject({
      ...{ code: 'CONNECTION_LOST', sent: true },
    })
    town.onStream = answer
    town.sessions[0]?.close()
    await until(() => town.sessions[0]?.destroyed === true, 'it is over')
    expect((await town.upstream.request(ask())).status).toBe(200)
    expect(town.sessions.length).toBe(2)
  })
})

describe('who is at the other side', () => {
  it('has to be exactly the expected workload, and to speak HTTP/2', async () => {
    const impostor = await payment({ expectedId: idOf('user') })
    expect(await errorOf(impostor.upstream.request(ask()))).toMatchObject({
      ...{ code: 'PEER_REFUSED', sent: false },
    })
    const other = await RawServer.workload(theirs, pki.bundle, () => {})
    cleanups.push(() => other.close())
    const town = await payment({ address: { host: '127.0.0.1', port: other.port } })
    expect((await errorOf(town.upstream.request(ask()))).sent).toBe(false)
    expect(impostor.sessions.every((each) => each.destroyed)).toBe(true)
  })
  it('is cut off when its certificate is taken back', async () => {
    const town = await payment()
    town.onStream = (stream) => stream.respond({ ':status': 200 })
    const { done } = hear(town.upstream, ask())
    await until(() => town.upstream.inFlight === 1 && town.sessions.length === 1, 'it runs')
    const { serial } = readCertificate(new X509Certificate(theirs.chain).raw)
    town.identity.revocations.revoke(serial)
    expect((await done).at(-1)?.slice(0, 2)).toEqual(['error', 'PEER_REFUSED'])
    expect(await errorOf(town.upstream.request(ask()))).toMatchObject({ code: 'PEER_REFUSED' })
  })
  it('sees our new certificate on new connections, while what runs ends on the old one', async () => {
    const town = await payment()
    let first: ServerHttp2Stream | undefined
    town.onStream = (stream) => {
      first = stream
    }
    const old = town.upstream.request(ask())
    await until(() => first !== undefined, 'it runs')
    town.onStream = answer
    town.identity.renew(await pki.svid('order'))
    expect((await town.upstream.request(ask())).status).toBe(200)
    expect(town.sessions.length).toBe(2)
    if (first !== undefined) answer(first, {})
    expect((await old).status).toBe(200)
    await until(() => town.sessions[0]?.destroyed === true, 'the old one ends')
  })
  it('may be a plain host that knows what is spoken', async () => {
    const server = createServer()
    server.on('stream', (stream, headers) => answer(stream, headers))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const upstream = createUpstream({
      address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      ...{ expected: { kind: 'plain' }, log: createTestLog().log, protocol: 'h2' },
    })
    expect((await upstream.request(ask())).status).toBe(200)
    await upstream.close()
    server.close()
  })
})
