import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { X509Certificate } from 'node:crypto'
import { encodeProxyV2 } from '@countersign/ground/http1'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { generateKeyPair } from '@countersign/ground/x509'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { untilRenewal } from './door/public-certificate.ts'
import { PublicDoor } from './door/public-door.ts'
import { createEvents } from './events.ts'
import { createDoorCertificate } from './testing/pki.ts'
import { ask, exchange, open } from './testing/client.ts'
import { House, type Running } from './testing/house.ts'
import type { UpstreamServer } from './testing/upstream-server.ts'

let house: House
let order: UpstreamServer
beforeAll(async () => {
  house = await House.build()
  order = await house.service('order-1')
  await house.service('identity-1')
})
afterAll(() => house.close())

const silent = {
  spans: undefined,
  log: createLog({ service: 'gateway', node: 'gateway-1', level: 'silent' }),
  audit: { record: () => {}, recordDurably: async () => {}, flush: async () => 0 },
}
const statuses = (text: string): string[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((each) => each[1] ?? '')

describe('behind a balancer', () => {
  let door: Running
  beforeAll(async () => {
    door = await house.gateway({ GATEWAY_PROXY_PROTOCOL: 'required' })
  })
  const proxy = {
    command: 'proxy' as const,
    source: { address: '203.0.113.7', port: 4711 },
    destination: { address: '192.0.2.1', port: 443 },
    uniqueId: '5f3c0f0e-0000-4000-8000-000000000001',
  }
  const request = 'GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

  it('takes source and name of the connection from the PROXY header', async () => {
    const socket = await open({ port: door.port, ca: house.pki.bundle, proxy })
    const text = await exchange(socket, request.replace('/slow', '/nothing'))
    expect(statuses(text)).toEqual(['404'])
    expect(door.events.at(-1)).toMatchObject({
      client: { ip: '203.0.113.7' },
      countersign: { connection: proxy.uniqueId },
    })
    const ok = await exchange(await open({ port: door.port, ca: house.pki.bundle, proxy }), request)
    expect(statuses(ok)).toEqual(['200'])
    expect(order.seen.at(-1)?.headers).toMatchObject({
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-port': '443',
    })
  })

  it('reads exactly the header, however the bytes arrive, and hands the socket to TLS natively', async () => {
    const raw = connectTcp({ port: door.port, host: '127.0.0.1' })
    await once(raw, 'connect')
    // One packet: the header and the first bytes of TLS behind it; and the header byte by byte.
    for (const byte of encodeProxyV2(proxy)) {
      raw.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const socket = connectTls({ socket: raw, ca: house.pki.bundle, servername: 'localhost' })
    expect(statuses(await exchange(socket, request))).toEqual(['200'])
    const joined = await sendHeaderWithHello(door.port)
    expect(statuses(joined)).toEqual(['200'])
  })

  it('gives TLS the handle of the socket, and no stream in JavaScript between', async () => {
    const keys = await generateKeyPair()
    const cert = await createDoorCertificate(house.pki, keys.publicKey)
    const key = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const parents: string[] = []
    const direct = new PublicDoor({
      listen: { host: '127.0.0.1', port: 0 },
      proxyPeers: new Set(['127.0.0.1']),
      certificate: { cert, key },
      events: createEvents({ ...silent, metrics: new Metrics() }),
      onRequest: (_request, reply) => {
        const socket = reply.tunnel(200, ['content-length', '0'])
        const { _handle } = socket as unknown as { _handle: { _parentWrap: object } }
        parents.push(_handle._parentWrap.constructor.name)
        socket.end()
      },
    })
    const { port } = await direct.listen()
    const socket = await open({ port, ca: house.pki.bundle, proxy })
    expect(statuses(await exchange(socket, request))).toEqual(['200'])
    // Where Node has to go through JavaScript, this is a JSStreamSocket.
    expect(parents).toEqual(['Socket'])
    direct.close()
  })

  /** A client whose first TLS bytes leave in the same write as the PROXY header. */
  async function sendHeaderWithHello(port: number): Promise<string> {
    const raw = connectTcp({ port, host: '127.0.0.1' })
    await once(raw, 'connect')
    raw.cork()
    raw.write(encodeProxyV2(proxy))
    const socket = connectTls({ socket: raw, ca: house.pki.bundle, servername: 'localhost' })
    setImmediate(() => raw.uncork())
    return exchange(socket, request)
  }

  it('answers a health check by ending its side', async () => {
    const raw = connectTcp({ port: door.port, host: '127.0.0.1' })
    raw.end(encodeProxyV2({ command: 'local' }))
    raw.resume()
    await once(raw, 'end')
  })

  it.each([
    ['no header', Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 0123456789')],
    ['version 1', Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n')],
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    [
      'an endless header',
      Buffer.concat([
        encodeProxyV2(proxy).subarray(0, 14),
        Buffer.from([0xff, 0xff]),
        Buffer.alloc(2_000),
      ]),
    ],
    [
      'unknown addresses',
      Buffer.concat([encodeProxyV2(proxy).subarray(0, 13), Buffer.from([0, 0, 0])]),
    ],
  ])('closes a connection with %s, without a byte', async (_what, bytes) => {
    const raw = connectTcp({ port: door.port, host: '127.0.0.1' })
    const chunks: Buffer[] = []
    raw.on('data', (chunk) => chunks.push(chunk))
    raw.on('error', () => {})
    raw.write(bytes)
    await once(raw, 'close')
    expect(Buffer.concat(chunks).length).toBe(0)
    expect(await door.metrics.text()).toMatch(
      /connections_refused_total\{reason="proxy_header"\} [1-9]/,
    )
  })

  it('believes only its peers', async () => {
    const strict = await house.gateway({
      GATEWAY_PROXY_PROTOCOL: 'required',
      GATEWAY_PROXY_PEERS: '192.0.2.9',
    })
    await expect(open({ port: strict.port, ca: house.pki.bundle, proxy })).rejects.toThrow()
  })
})

describe('bytes that are no request', () => {
  let door: Running
  beforeAll(async () => {
    door = await house.gateway()
  })
  const send = async (bytes: string, timeoutMs?: number): Promise<string> =>
    exchange(await open({ port: door.port, ca: house.pki.bundle }), bytes, timeoutMs)
  const token = (): string => house.tokens.token()
  const post = (...headers: string[]): string =>
    [
      'POST /orders HTTP/1.1',
      'Host: localhost',
      `Authorization: Bearer ${token()}`,
      ...headers,
      '',
      '',
    ].join('\r\n')
  const smuggled = 'GET /orders/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'

  it.each<[string, () => string]>([
    [
      'CL and TE',
      () => `${post('Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n${smuggled}`,
    ],
    [
      'TE and CL',
      () => `${post('Transfer-Encoding: chunked', 'Content-Length: 4')}0\r\n\r\n${smuggled}`,
    ],
    ['two CL', () => `${post('Content-Length: 1', 'Content-Length: 2')}ab${smuggled}`],
    ['the same CL twice', () => `${post('Content-Length: 1', 'Content-Length: 1')}a${smuggled}`],
    ['a CL list', () => `${post('Content-Length: 1, 1')}a${smuggled}`],
    ['a signed CL', () => `${post('Content-Length: +1')}a${smuggled}`],
    ['a hex CL', () => `${post('Content-Length: 0x1')}a${smuggled}`],
    [
      'two TE',
      () =>
        `${post('Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n${smuggled}`,
    ],
    ['an unknown TE', () => `${post('Transfer-Encoding: xchunked')}0\r\n\r\n${smuggled}`],
    ['gzip and chunked', () => `${post('Transfer-Encoding: gzip, chunked')}0\r\n\r\n${smuggled}`],
    [
      'TE with a space before the colon',
      () => `${post('Transfer-Encoding : chunked')}0\r\n\r\n${smuggled}`,
    ],
    ['TE with a tab', () => `${post('Transfer-Encoding:\tchunked\x0b')}0\r\n\r\n${smuggled}`],
    ['a folded header', () => `${post('X: a', ' b')}${smuggled}`],
    ['a bare LF', () => `GET /orders HTTP/1.1\nHost: localhost\n\n${smuggled}`],
    ['a bare CR', () => `${post('X: a\rTransfer-Encoding: chunked')}0\r\n\r\n${smuggled}`],
    ['NUL in a header', () => post('X: a\0b')],
    [
      'a bad chunk size',
      () => `${post('Transfer-Encoding: chunked')}0x1\r\na\r\n0\r\n\r\n${smuggled}`,
    ],
    [
      'a chunk size without end',
      () => `${post('Transfer-Encoding: chunked')}fffffffffffffffff\r\n`,
    ],
    [
      'TE in HTTP/1.0',
      () =>
        `${post('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')}0\r\n\r\n${smuggled}`,
    ],
    ['no Host', () => 'GET /slow HTTP/1.1\r\n\r\n'],
    ['two Hosts', () => 'GET /slow HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n'],
    ['an absolute target', () => 'GET https://evil/slow HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a double slash target', () => 'GET //evil/slow HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['OPTIONS *', () => 'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['HTTP/2 prior knowledge', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    [
      'an upgrade',
      () =>
        'GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    [
      'h2c',
      () =>
        'GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n',
    ],
    ['noise', () => '\x00\x01\x02\x03\r\n\r\n'],
  ])('%s is 400 at most once, and the service sees nothing', async (_what, bytes) => {
    const before = order.seen.length
    const text = await send(bytes(), 700)
    // What could be a second request is never answered as one.
    expect(statuses(text)[0] ?? 'closed').toMatch(/^(400|413|closed)$/)
    for (const status of statuses(text)) expect(status).not.toMatch(/^(2|404)/)
    expect(order.seen.slice(before).filter((each) => each.url.includes('smuggled'))).toEqual([])
    expect(order.seen.length).toBe(before)
    if (statuses(text).length > 0) {
      expect(text).toContain('application/problem+json')
      expect(text).toMatch(/x-request-id: [0-9a-f-]{36}/)
    }
  })

  it.each([
    ['TRACE', 'TRACE /slow HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['CONNECT', 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['PROPFIND', 'PROPFIND /slow HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ])('%s is 405', async (_what, bytes) => {
    expect(statuses(await send(bytes))).toEqual(['405'])
  })

  it('pipelined requests are answered one after the other, each on its own', async () => {
    const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    const last = one('/slow').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')
    const text = await send(one('/slow') + one('/nothing') + last, 10_000)
    expect(statuses(text)).toEqual(['200', '404', '200'])
  })

  it('a refused token on one connection does not touch another', async () => {
    const good = await open({ port: door.port, ca: house.pki.bundle })
    const request = `GET /orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token()}\r\n\r\n`
    const answers: string[] = []
    good.on('data', (chunk: Buffer) => answers.push(chunk.toString('latin1')))
    for (let i = 0; i < 5; i++) {
      good.write(request)
      const bad = `GET /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer ${token().slice(0, -3)}AAA\r\n\r\n`
      expect(statuses(await send(bad))).toEqual(['401'])
      await until(() => statuses(answers.join('')).length === i + 1, 'an answer')
    }
    expect(new Set(statuses(answers.join('')))).toEqual(new Set(['200']))
    good.destroy()
  })

  it('headers over 16 KiB are 431', async () => {
    const text = await send(
      `GET /slow HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
      10_000,
    )
    expect(statuses(text)).toEqual(['431'])
    expect(text).toContain('HEADERS_TOO_LARGE')
  })

  it('a client that does not finish its headers is cut off', async () => {
    const text = await send('GET /slow HTTP/1.1\r\nHost: localhost\r\nX: ', 50_000)
    expect(statuses(text)).toEqual(['408'])
  })

  it('an endless chunked body is cut at the bound of the endpoint', async () => {
    const before = order.seen.length
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`
    const text = await send(post('Transfer-Encoding: chunked') + chunk.repeat(8), 10_000)
    expect(statuses(text)).toEqual(['413'])
    expect(order.seen.length).toBe(before)
  })

  it('CR, LF and escapes of a client reach no log line and no record unescaped', async () => {
    await send(`GET /\x1b[31mred HTTP/1.1\r\nHost: localhost\r\nUser-Agent: \x1b[2J\r\n\r\n`, 500)
    await ask({ port: door.port, ca: house.pki.bundle, path: '/%E2%80%A8%1b' })
    const isControl = (character: string): boolean => character < ' ' || character === '\x7f'
    for (const line of door.logLines) expect([...line.slice(0, -1)].filter(isControl)).toEqual([])
  })
})

describe('TLS at the door', () => {
  let door: Running
  beforeAll(async () => {
    door = await house.gateway()
  })
  const hello = (tls: object) => open({ port: door.port, ca: house.pki.bundle, tls })
  it('speaks 1.3 and 1.2 with forward secrecy, and nothing older', async () => {
    const modern = await hello({})
    expect(modern.getProtocol()).toBe('TLSv1.3')
    modern.destroy()
    const older = await hello({ maxVersion: 'TLSv1.2' })
    expect(older.getCipher().standardName).toMatch(/^TLS_ECDHE_ECDSA_WITH_(AES_|CHACHA20)/)
    older.destroy()
    await expect(
      hello({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }),
    ).rejects.toThrow()
    await expect(
      hello({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }),
    ).rejects.toThrow()
  })
  it('agrees on h2 or http/1.1, and refuses what it does not speak', async () => {
    for (const [offered, agreed] of [
      [['http/1.1', 'h2'], 'h2'],
      [['http/1.1'], 'http/1.1'],
    ] as const) {
      const socket = await hello({ ALPNProtocols: [...offered] })
      expect(socket.alpnProtocol).toBe(agreed)
      socket.destroy()
    }
    await expect(hello({ ALPNProtocols: ['h2c', 'spdy/3'] })).rejects.toThrow()
  })
  it('plain HTTP gets nothing', async () => {
    const raw = connectTcp({ port: door.port, host: '127.0.0.1' })
    const chunks: Buffer[] = []
    raw.on('data', (chunk) => chunks.push(chunk))
    raw.on('error', () => {})
    raw.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await once(raw, 'close')
    expect(Buffer.concat(chunks).toString('latin1')).not.toContain('HTTP')
  })
  it('renews its certificate at half of its life without dropping a connection', async () => {
    house.doorLifeMs = 6_000
    const short = await house.gateway().finally(() => {
      house.doorLifeMs = 3_600_000
    })
    const socket = await open({ port: short.port, ca: house.pki.bundle })
    const first = socket.getPeerX509Certificate()?.serialNumber
    await until(() => short.issued.length === 2, 'a second certificate')
    const fresh = new X509Certificate(short.issued[1] ?? '').serialNumber
    const later = await open({ port: short.port, ca: house.pki.bundle })
    expect(later.getPeerX509Certificate()?.serialNumber).toBe(fresh)
    expect(fresh).not.toBe(first)
    later.destroy()
    expect(
      statuses(
        await exchange(
          socket,
          'GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        ),
      ),
    ).toEqual(['200'])
  })
  it('asks for it around half of the life', () => {
    const life = { notBefore: 0, notAfter: 3_600_000 }
    expect(untilRenewal(life, 0, 0)).toBeCloseTo(1_440_000)
    expect(untilRenewal(life, 0, 1)).toBeCloseTo(1_728_000)
    expect(untilRenewal(life, 9_000_000, 0.5)).toBe(1_000)
  })
})
