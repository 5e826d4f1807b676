import { once } from 'node:events'
import { Agent, request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { Metrics } from '@countersign/ground/telemetry'
import { temporaryFolder, until } from '@countersign/ground/testkit'
import { Refusal } from '@countersign/layers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  DOMAIN,
  type House,
  openHouse,
  plantTree,
  silent,
  type Tree,
} from '../testing/status-house.ts'
import { openOutside, type OutsideParts } from './open-outside.ts'
import type { OutsideDoor } from './outside-door.ts'
import type { OutsideRoute } from './outside-route.ts'

let temporary: ReturnType<typeof temporaryFolder>
let tree: Tree
let house: House
let metrics: Metrics
let doors: OutsideDoor[]
beforeEach(async () => {
  temporary = temporaryFolder()
  tree = await plantTree('authority-1')
  house = await openHouse({ folder: temporary.path, tree })
  doors = []
})
afterEach(async () => {
  for (const door of doors) await door.close()
  await house.close()
  temporary[Symbol.dispose]()
})

const text = (body: string | Buffer, status = 200) => ({
  ...{ status, headers: { 'content-type': 'text/plain' }, body },
})
const routes: OutsideRoute[] = [
  { method: 'GET', path: '/hello/:name', handle: ({ params }) => text(`hello ${params.name}`) },
  { method: 'POST', path: '/echo', bodyBytesMax: 1_000, handle: ({ body }) => text(body) },
  { method: 'GET', path: '/large', handle: () => text(Buffer.alloc(8 * 1024 * 1024)) },
  {
    method: 'GET',
    path: '/broken',
    handle: () => {
      throw new Error('the secret of the house')
    },
  },
  {
    method: 'GET',
    path: '/taken',
    handle: () => {
      throw new Refusal('CONFLICT', { detail: 'it is taken' })
    },
  },
  {
    method: 'GET',
    path: '/who',
    handle: ({ address, baseUrl, query }) =>
      text(JSON.stringify([address, baseUrl, query.getAll('a')])),
  },
]

async function open(options: Partial<OutsideParts> = {}): Promise<OutsideDoor> {
  metrics = new Metrics()
  const door = await openOutside({
    listen: { host: '127.0.0.1', port: 0 },
    url: undefined,
    publicNames: ['localhost', '127.0.0.1'],
    workload: { trustDomain: DOMAIN, instance: 'authority-1', log: silent, metrics },
    authority: house.authority,
    signers: {
      active: () => tree.signers('authority-1').at(-1) ?? tree.signers('x')[0] ?? never(),
    },
    trust: { state: tree.state, bundle: () => tree.bundle, onChange: tree.onChange },
    revocations: house.revocations,
    ready: () => true,
    routes,
    ...options,
  })
  doors.push(door)
  return door
}
function never(): never {
  throw new Error('no signer')
}

interface Wanted {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly agent?: Agent | false
}
async function send(
  door: OutsideDoor,
  { method = 'GET', path, headers = {}, body, agent = false }: Wanted,
) {
  const outgoing = request({
    ...{ host: '127.0.0.1', port: door.port, method, path, headers, agent, ca: tree.bundle },
    servername: 'localhost',
  })
  outgoing.end(body)
  const [response] = await once(outgoing, 'response')
  const bytes = Buffer.concat(await response.toArray())
  return {
    status: response.statusCode as number,
    headers: response.headers,
    body: bytes.toString(),
  }
}

async function dial(door: OutsideDoor, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port: door.port, ca: tree.bundle, ...options })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}
/** Everything that comes back for some bytes, until the door ends the connection. */
async function raw(door: OutsideDoor, bytes: string): Promise<string> {
  const socket = await dial(door)
  socket.write(bytes)
  const heard = await socket.toArray().catch(() => [])
  return Buffer.concat(heard).toString('latin1')
}
const END = 'connection: close\r\n\r\n'

describe('the outside door', () => {
  it('answers its routes, GET and HEAD, over one connection that stays', async () => {
    const door = await open()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    for (let i = 0; i < 20; i++) {
      const reply = await send(door, { path: `/hello/${i}`, agent })
      expect(reply).toMatchObject({ status: 200, body: `hello ${i}` })
      expect(reply.headers).toMatchObject({
        'x-content-type-options': 'nosniff',
        connection: 'keep-alive',
      })
    }
    const head = await send(door, { method: 'HEAD', path: '/hello/you', agent })
    expect(head).toMatchObject({ status: 200, body: '' })
    expect(head.headers['content-length']).toBe('9')
    expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
    agent.destroy()
  })

  it('gives roots and health to everyone, and its own address from nobody else', async () => {
    const door = await open({ url: 'https://pki.example.net/ca/' })
    expect((await send(door, { path: '/roots.pem' })).body).toBe(tree.bundle)
    expect(await send(door, { path: '/health' })).toMatchObject({
      status: 200,
      body: '{"status":"up"}',
    })
    const headers = {
      host: 'pki.example.net',
      'x-forwarded-host': 'evil.test',
      'x-forwarded-for': '1.2.3.4',
    }
    const { body } = await send(door, { path: '/who?a=1&a=2', headers })
    expect(JSON.parse(body)).toEqual(['127.0.0.1', 'https://pki.example.net/ca', ['1', '2']])
  })

  // biome-ignore format: a table
  const refusals: [string, Wanted, number, string][] = [
    ['an unknown path',           { path: '/nothing' },                                             404, 'ROUTE_UNKNOWN'],
    ['another method',            { path: '/roots.pem', method: 'PUT' },                            405, 'METHOD_NOT_ALLOWED'],
    ['a method of no use',        { path: '/roots.pem', method: 'TRACE' },                          405, 'METHOD_NOT_ALLOWED'],
    ['another host',              { path: '/roots.pem', headers: { host: 'evil.test' } },           421, 'HOST_UNKNOWN'],
    ['a host that is none',       { path: '/roots.pem', headers: { host: 'local host' } },          400, 'REQUEST_INVALID'],
    ['a target that is a URL',    { path: 'https://localhost/roots.pem' },                          400, 'REQUEST_INVALID'],
    ['a path that is too long',   { path: `/${'a'.repeat(9_000)}` },                                414, 'URI_TOO_LONG'],
    ['a body where none belongs', { path: '/roots.pem', body: 'x', headers: { 'content-length': '1' } }, 400, 'REQUEST_INVALID'],
    ['a body that is too large',  { path: '/echo', method: 'POST', body: Buffer.alloc(1_001) },     413, 'BODY_TOO_LARGE'],
    ['a chunked one as well',     { path: '/echo', method: 'POST', body: Buffer.alloc(1_001), headers: { 'transfer-encoding': 'chunked' } }, 413, 'BODY_TOO_LARGE'],
    ['what a route refuses',      { path: '/taken' },                                               409, 'CONFLICT'],
    ['what breaks a route',       { path: '/broken' },                                              500, 'INTERNAL'],
  ]
  it('refuses, with a problem that names nothing of ours', async () => {
    const door = await open()
    for (const [what, wanted, status, code] of refusals) {
      const reply = await send(door, wanted)
      expect({ what, ...reply }).toMatchObject({ what, status })
      expect(reply.headers['content-type']).toBe('application/problem+json')
      const problem = JSON.parse(reply.body) as Record<string, unknown>
      expect(problem).toMatchObject({ status, code, requestId: reply.headers['x-request-id'] })
      expect(reply.body).not.toMatch(/secret|node:|authority|\.ts/)
    }
    const allowed = await send(door, { path: '/echo', method: 'DELETE' })
    expect(allowed.headers.allow).toBe('POST')
    // And it still stands.
    expect((await send(door, { path: '/echo', method: 'POST', body: 'x' })).body).toBe('x')
    expect(await metrics.text()).toMatch(/outside_refused_total\{code="HOST_UNKNOWN"\} 1/)
    expect(await metrics.text()).toMatch(/outside_requests_total\{route="\/echo",status="200"\} 1/)
  })

  it('takes bytes that are no request for what they are', async () => {
    const door = await open()
    // biome-ignore format: a table
    const hostile: [string, RegExp][] = [
      ['hello\r\n\r\n',                                                                     /^HTTP\/1\.1 400 /],
      [`GET / HTTP/1.1\r\n${END}`,                                                          /^HTTP\/1\.1 400 /],
      [`GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil.test\r\n${END}`,              /^HTTP\/1\.1 400 /],
      [`GET /health HTTP/1.1\r\nhost: localhost\r\na: ${'b'.repeat(20_000)}\r\n${END}`,      /^HTTP\/1\.1 431 /],
      [`POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n${END}0\r\n\r\n`, /^HTTP\/1\.1 400 /],
      [`POST /echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n${END}`,             /^HTTP\/1\.1 400 /],
      [`GET /health HTTP/1.1\r\nhost: localhost\r\nx\n: y\r\n${END}`,                        /^HTTP\/1\.1 400 /],
      [`CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n\r\n`,                          /^$/],
      [`GET /health HTTP/1.0\r\n\r\n`,                                                       /^HTTP\/1\.1 200 /],
      [`GET /health HTTP/1.1\r\nhost: localhost\r\nexpect: 200-ok\r\n${END}`,                /^HTTP\/1\.1 417 /],
    ]
    for (const [bytes, answer] of hostile) expect(await raw(door, bytes)).toMatch(answer)
    const plain = connectPlain({ host: '127.0.0.1', port: door.port })
    plain.write('GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n')
    const heard = Buffer.concat(await plain.toArray().catch(() => [])).toString('latin1')
    expect(heard).not.toContain('HTTP/')
  })

  it('speaks TLS 1.2 and 1.3 with good suites only, and asks for no certificate', async () => {
    const door = await open()
    const { servername } = { servername: 'localhost' }
    for (const [version, name] of [
      ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
      ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ] as const) {
      const socket = await dial(door, { minVersion: version, maxVersion: version, servername })
      expect([socket.getProtocol(), socket.getCipher().name]).toEqual([version, name])
      expect(socket.getPeerX509Certificate()?.subjectAltName).toBe(
        'DNS:localhost, IP Address:127.0.0.1',
      )
      socket.destroy()
    }
    const weak: ConnectionOptions[] = [
      { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' },
      { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    ]
    for (const options of weak)
      await expect(
        once(
          connectTls({ ...options, host: '127.0.0.1', port: door.port, ca: tree.bundle }),
          'secureConnect',
        ),
      ).rejects.toThrow(/handshake|version|protocol/i)
  })

  it('shows another certificate when another CA signs, and when its own is taken back', async () => {
    const door = await open()
    const shown = async () => {
      const socket = await dial(door, { servername: 'localhost' })
      const certificate = socket.getPeerX509Certificate()
      socket.destroy()
      return certificate?.serialNumber.toLowerCase() ?? ''
    }
    const first = await shown()
    expect(await shown()).toBe(first)
    await house.revocations.revoke({ serial: first }, 'superseded', 'desk')
    await until(async () => (await shown()) !== first, 'it is renewed')
    const second = await shown()
    await tree.plant('authority-1')
    await until(async () => (await shown()) !== second, 'it follows the rotation')
    const { issuer } = house.authority.issued.find(await shown()) ?? {}
    expect(issuer).toBe(tree.signers('authority-1').at(-1)?.id)
    expect(await metrics.text()).toMatch(/outside_certificate_expiry_timestamp_seconds \d{10}/)
  })

  it('opens not at all where nothing signs for it', async () => {
    const authority = { issue: () => Promise.reject(new Error('no signer')) }
    await expect(open({ authority })).rejects.toThrow('no signer')
  })
})
