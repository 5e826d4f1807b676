import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createTestLog } from './testing/issuer.ts'
import { type TestCredential, TestPki } from './testing/pki.ts'
import { RawServer, shown } from './testing/raw-server.ts'
import { ask, errorOf, UpstreamLab } from './testing/upstream-lab.ts'
import { createUpstream, type Upstream } from './upstream.ts'
import type { OutsidePeer } from './upstream-outside.ts'

let lab: UpstreamLab
let host: TestCredential
beforeAll(async () => {
  lab = await UpstreamLab.create()
  host = await lab.pki.hostCertificate()
})
afterEach(() => lab.cleanUp())

const requests: string[] = []
const answer = ({ socket }: { socket: { write(text: string): unknown } }, text: string): void => {
  requests.push(text)
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
}
function upstreamTo(server: RawServer, expected: OutsidePeer): Upstream {
  requests.length = 0
  const address = { host: '127.0.0.1', port: server.port }
  const upstream = createUpstream({ address, expected, log: createTestLog().log })
  lab.cleanups.push(async () => {
    await server.close()
    await upstream.close()
  })
  return upstream
}

describe('a host outside of the mesh', () => {
  it('is asked where its certificate is for the name, by TLS 1.2 as well, and without ALPN', async () => {
    for (const options of [{}, { maxVersion: 'TLSv1.2' as const }, { ALPNProtocols: [] }]) {
      const server = await RawServer.tls({ ...shown(host), ...options }, answer)
      const upstream = upstreamTo(server, {
        kind: 'host',
        name: 'localhost',
        roots: lab.pki.bundle,
      })
      expect((await upstream.request(ask('/a'))).status).toBe(200)
      expect(requests).toEqual([`GET /a HTTP/1.1\r\nhost: localhost:${server.port}\r\n\r\n`])
      await upstream.request(ask('/b', { host: 'shop.example' }))
      expect(requests[1]).toContain('\r\nhost: shop.example\r\n')
      expect(upstream.evidence).toBeUndefined()
    }
  })
  it('is known by an address as well', async () => {
    const server = await RawServer.tls(shown(host), answer)
    const peer = { kind: 'host', name: '127.0.0.1', roots: lab.pki.bundle } as const
    expect((await upstreamTo(server, peer).request(ask())).status).toBe(200)
  })
  it('sees our certificate where there is one', async () => {
    const asking = { ca: lab.pki.bundle, requestCert: true, rejectUnauthorized: true }
    const server = await RawServer.tls({ ...shown(host), ...asking }, answer)
    const peer = { kind: 'host', name: 'localhost', roots: lab.pki.bundle } as const
    const clientCertificate = shown(lab.ours)
    const known = upstreamTo(server, { ...peer, clientCertificate })
    expect((await known.request(ask())).status).toBe(200)
    expect((await errorOf(upstreamTo(server, peer).request(ask()))).answered).toBe(false)
  })
  it.each<[string, () => Promise<OutsidePeer>]>([
    ['has another name', async () => ({ kind: 'host', name: 'a.example', roots: lab.pki.bundle })],
    [
      'is below another root',
      async () => ({ kind: 'host', name: 'localhost', roots: (await TestPki.create()).bundle }),
    ],
    ['is below no root that the system knows', async () => ({ kind: 'host', name: 'localhost' })],
  ])('gets no byte of a request when it %s', async (_, peer) => {
    const server = await RawServer.tls(shown(host), answer)
    const { code, sent } = await errorOf(upstreamTo(server, await peer()).request(ask()))
    expect([code, sent]).toEqual(['PEER_REFUSED', false])
    expect(requests).toEqual([])
  })
  it('is looked at by a check as by a request, and gets no byte', async () => {
    const server = await RawServer.tls(shown(host), answer)
    const peer = { kind: 'host', name: 'localhost', roots: lab.pki.bundle } as const
    expect(await upstreamTo(server, peer).check()).toBeUndefined()
    const other = upstreamTo(server, { ...peer, name: 'a.example' })
    expect((await other.check())?.code).toBe('PEER_REFUSED')
    // One intermediate stands between its certificate and the root.
    expect(await upstreamTo(server, { ...peer, depthMax: 1 }).check()).toBeUndefined()
    const close = await upstreamTo(server, { ...peer, depthMax: 0 }).check()
    expect(close?.message).toMatch(/more than 0 certificates/)
    expect(requests).toEqual([])
  })
  it('shows its certificate once, and resumes', async () => {
    const resumed: boolean[] = []
    const server = await RawServer.tls(shown(host), ({ socket }) => {
      resumed.push((socket as unknown as { isSessionReused(): boolean }).isSessionReused())
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok')
    })
    const upstream = upstreamTo(server, {
      ...{ kind: 'host', name: 'localhost', roots: lab.pki.bundle },
    })
    await upstream.request(ask())
    await upstream.request(ask())
    expect(resumed).toEqual([false, true])
  })
})

it('a plain host is asked in plain text', async () => {
  const server = await RawServer.plain(answer)
  const upstream = upstreamTo(server, { kind: 'plain' })
  expect(String((await upstream.request(ask('/a'))).body)).toBe('ok')
  expect(String((await upstream.request(ask('/b'))).body)).toBe('ok')
  expect(server.connections).toBe(1)
  await server.close()
  expect((await errorOf(upstream.request(ask()))).code).toMatch(/CONNECT_FAILED|CONNECTION_LOST/)
})

it('roots or certificates that are none are refused when the upstream is made', () => {
  const make = (peer: OutsidePeer) =>
    createUpstream({
      ...{ address: { host: '127.0.0.1', port: 1 }, expected: peer, log: createTestLog().log },
    })
  const clientCertificate = { cert: 'nonsense', key: 'nonsense' }
  expect(() => make({ kind: 'host', name: 'a', clientCertificate })).toThrow()
})
it('an address that is none fails the request', async () => {
  const upstream = createUpstream({
    address: { host: '127.0.0.1', port: 99_999 },
    ...{ expected: { kind: 'plain' }, log: createTestLog().log },
  })
  expect((await errorOf(upstream.request(ask()))).code).toBe('CONNECT_FAILED')
  await upstream.close()
})
