import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { readCertificate } from '@countersign/ground/x509'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { CutReason } from './revocation-list.ts'
import { createTestLog } from './testing/issuer.ts'
import { idOf, type TestCredential, TestIdentity, TestPki } from './testing/pki.ts'
import { createUpstream } from './upstream.ts'
import { UpstreamError } from './upstream-error.ts'
import type { UpstreamRequest } from './upstream-request.ts'

let pki: TestPki
let identity: TestIdentity
const cleanups: (() => unknown)[] = []
beforeAll(async () => {
  pki = await TestPki.create()
})
beforeEach(async () => {
  identity = new TestIdentity(await pki.svid('order'), pki.bundle)
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const serialOf = ({ chain }: TestCredential) =>
  readCertificate(new X509Certificate(chain).raw).serial
const ask = (path = '/'): UpstreamRequest => ({
  method: 'GET',
  path,
  headers: [],
  timeoutMs: 5_000,
})
const errorOf = async (promise: Promise<unknown>): Promise<UpstreamError> => {
  const thrown = await promise.catch((error: unknown) => error)
  if (!(thrown instanceof UpstreamError)) throw new Error('no UpstreamError', { cause: thrown })
  return thrown
}

/** Payment, with what it has seen of us, and the way to it. */
async function payment(handler?: RequestListener) {
  const credential = await pki.svid('payment')
  const requests: (string | undefined)[] = []
  const handshakes: boolean[] = []
  const sockets = new Set<Socket>()
  const server = createServer(
    { cert: credential.chain, key: credential.key, ca: pki.bundle, requestCert: true },
    (request, response) => {
      requests.push(request.url)
      if (handler !== undefined) return handler(request, response)
      if (request.url === '/never') return
      response.end('ok')
      if (request.url === '/last') response.on('finish', () => request.socket.end())
    },
  )
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.on('secureConnection', (socket: TLSSocket) => handshakes.push(socket.isSessionReused()))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const cut: CutReason[] = []
  const upstream = createUpstream({
    address: { host: '127.0.0.1', port },
    ...{ expectedId: idOf('payment'), identity, log: createTestLog().log },
    onCut: (reason) => void cut.push(reason),
  })
  cleanups.push(async () => {
    const closing = upstream.close()
    for (const socket of sockets) socket.destroy()
    server.close()
    await closing
  })
  return { upstream, requests, handshakes, sockets, cut, serial: serialOf(credential) }
}

describe('a workload whose certificate was taken back', () => {
  it('loses every connection at once, and what runs there fails as refused', async () => {
    const { upstream, requests, sockets, cut, serial } = await payment()
    await upstream.request(ask())
    const running = [1, 2, 3].map(() => errorOf(upstream.request(ask('/never'))))
    await until(() => requests.length === 4, 'three requests under way')
    identity.revocations.revoke(serial)
    const errors = await Promise.all(running)
    for (const { code, sent, answered } of errors)
      expect([code, sent, answered]).toEqual(['PEER_REFUSED', true, false])
    await until(() => sockets.size === 0, 'no connection')
    expect(cut).toEqual(cut.map(() => 'revoked'))
    expect(cut.length).toBeGreaterThanOrEqual(3)
    expect(upstream.inFlight).toBe(0)
  })
  it('gets no request any more', async () => {
    const { upstream, requests, serial } = await payment()
    await upstream.request(ask())
    identity.revocations.revoke(serial)
    const { code, sent, message } = await errorOf(upstream.request(ask('/secret')))
    expect([code, sent]).toEqual(['PEER_REFUSED', false])
    expect(message).toContain('was taken back')
    expect(requests).toEqual(['/'])
  })
  it('gets none over a resumed session either: the session is forgotten', async () => {
    const { upstream, requests, handshakes, serial } = await payment()
    await upstream.request(ask('/last'))
    await upstream.request(ask('/last'))
    expect(handshakes).toEqual([false, true])
    identity.revocations.revoke(serial)
    expect((await errorOf(upstream.request(ask('/secret')))).code).toBe('PEER_REFUSED')
    expect(requests).toEqual(['/last', '/last'])
    // Whoever is believed again shows a certificate first.
    identity.revocations.taken.clear()
    await upstream.request(ask())
    expect(handshakes.at(-1)).toBe(false)
  })
  it('loses connections that only wait for their last answers', async () => {
    const { upstream, requests, serial } = await payment()
    const running = errorOf(upstream.request(ask('/never')))
    await until(() => requests.length === 1, 'a request under way')
    identity.renew(await pki.svid('order'))
    identity.revocations.revoke(serial)
    expect((await running).code).toBe('PEER_REFUSED')
  })
  it('leaves others alone', async () => {
    const [gone, stays] = [await payment(), await payment()]
    const slow = stays.upstream.request(ask('/last'))
    await gone.upstream.request(ask())
    identity.revocations.revoke(gone.serial)
    expect((await slow).status).toBe(200)
    expect((await stays.upstream.request(ask())).status).toBe(200)
    expect(stays.cut).toEqual([])
  })
})

it('with a list that is too old nobody gets a request; with a new one everybody does again', async () => {
  const { upstream, requests, sockets, cut } = await payment()
  await upstream.request(ask())
  identity.revocations.old = true
  identity.revocations.tell()
  await until(() => sockets.size === 0, 'no connection')
  const { code, message } = await errorOf(upstream.request(ask()))
  expect([code, cut]).toEqual(['PEER_REFUSED', ['list_too_old']])
  expect(message).toContain('no authority has answered in time')
  expect(requests).toHaveLength(1)
  identity.revocations.old = false
  expect((await upstream.request(ask())).status).toBe(200)
})

it('new connections know the new roots as soon as they change, and the old ones end well', async () => {
  const other = await TestPki.create()
  const { upstream, handshakes, sockets } = await payment()
  await upstream.request(ask())
  identity.renew(identity.current(), other.bundle + pki.bundle)
  await upstream.request(ask())
  expect(handshakes).toEqual([false, false])
  await until(() => sockets.size === 1, 'one connection is left')
  identity.renew(identity.current(), other.bundle)
  expect((await errorOf(upstream.request(ask()))).code).toBe('PEER_REFUSED')
})

it('whoever is closed listens to nothing any more', async () => {
  const { upstream } = await payment()
  await upstream.request(ask())
  await upstream.close()
  expect([identity.listeners, identity.revocations.listeners]).toEqual([0, 0])
})
