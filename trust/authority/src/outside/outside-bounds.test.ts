import { once } from 'node:events'
import { request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { spiffeId } from '@countersign/ground/spiffe'
import { Metrics } from '@countersign/ground/telemetry'
import { until } from '@countersign/ground/testkit'
import {
  createRoot,
  createServerCertificate,
  generateKeyPair,
  parseCsr,
} from '@countersign/ground/x509'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silent } from '../testing/status-house.ts'
import type { HttpsBounds } from './bounded-https.ts'
import { DoorCertificate } from './door-certificate.ts'
import { OUTSIDE_IN_FLIGHT_MAX } from './limits.ts'
import { createOutsideEvents } from './outside-events.ts'
import { openOutsideDoor, type OutsideDoor, type OutsideDoorOptions } from './outside-door.ts'
import type { OutsideRoute } from './outside-route.ts'

let ca: string
let door: OutsideDoor
let finish: (() => void)[]
let served: number
beforeEach(() => {
  finish = []
  served = 0
})
afterEach(async () => {
  for (const each of finish) each()
  await door.close()
})

const routes: OutsideRoute[] = [
  { method: 'GET', path: '/', handle: () => ({ status: 200, headers: {}, body: `${++served}` }) },
  { method: 'POST', path: '/', handle: () => ({ status: 200, headers: {}, body: `${++served}` }) },
  {
    method: 'GET',
    path: '/large',
    handle: () => ({ status: 200, headers: {}, body: Buffer.alloc(16 * 1024 * 1024) }),
  },
  {
    method: 'GET',
    path: '/wait',
    handle: ({ signal }) =>
      new Promise((resolve) => {
        const end = () => resolve({ status: 200, headers: {}, body: '' })
        signal.addEventListener('abort', end)
        finish.push(end)
      }),
  },
]

async function open(
  bounds: Partial<HttpsBounds> = {},
  options: Partial<OutsideDoorOptions> = {},
): Promise<void> {
  const keys = await generateKeyPair()
  const span = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const id = spiffeId('test.local')
  ca = createRoot({ trustDomainId: id, commonName: 'root', keys, span, pathLength: 0 })
  const issuer = { certificate: ca, privateKey: keys.privateKey }
  const certify = async (csr: string) => {
    const { publicKey } = parseCsr(csr)
    return { chain: createServerCertificate({ issuer, names: ['localhost'], publicKey, span }) }
  }
  const events = createOutsideEvents({ log: silent, metrics: new Metrics() })
  const own = spiffeId('test.local', 'platform', 'authority')
  door = await openOutsideDoor({
    listen: { host: '127.0.0.1', port: 0 },
    url: undefined,
    names: ['localhost'],
    certificate: await DoorCertificate.obtain({ id: own, certify, events }),
    ...{ routes, events, bounds },
    ...options,
  })
}

async function dial(): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: door.port, ca, servername: 'localhost' })
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}
async function get(path: string): Promise<{ status: number; wait: string | undefined }> {
  const outgoing = request({
    ...{ host: '127.0.0.1', port: door.port, path, agent: false, ca, servername: 'localhost' },
    headers: { host: 'localhost' },
  })
  outgoing.end()
  const [response] = await once(outgoing, 'response')
  await response.toArray()
  return { status: response.statusCode, wait: response.headers['retry-after'] }
}
const GET = 'GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'
/** Waits for its end, which the test's own time bounds. */
const closed = async (socket: TLSSocket): Promise<void> => {
  socket.resume()
  if (!socket.closed) await once(socket, 'close')
}

describe('the bounds of the outside door', () => {
  it('keep an address to its rate, and say when to come again', async () => {
    let now = 0
    await open({}, { rate: { burst: 3, perSecond: 1 }, now: () => now })
    const replies = []
    for (let i = 0; i < 5; i++) replies.push(await get('/'))
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429])
    expect(replies[4]?.wait).toBe('1')
    now = 1_000
    expect([(await get('/')).status, (await get('/')).status]).toEqual([200, 429])
    // A clock that goes back gives nothing away, and takes nothing.
    now = -1_000_000
    expect((await get('/')).status).toBe(429)
  })

  it('hold what is in flight', async () => {
    await open({ connectionsPerAddressMax: 1_000 })
    const waiting = Array.from({ length: OUTSIDE_IN_FLIGHT_MAX - 8 }, () => get('/wait'))
    await until(() => finish.length === waiting.length, 'all wait')
    expect((await get('/')).status).toBe(200)
    const more = Array.from({ length: 8 }, () => get('/wait'))
    await until(() => finish.length === OUTSIDE_IN_FLIGHT_MAX, 'all wait')
    for (const each of finish.splice(0, 1)) each()
    await Promise.race(waiting)
    expect((await get('/')).status).toBe(200)
    for (const each of finish) each()
    await Promise.all([...waiting, ...more])
  })

  it('shed what comes on top', async () => {
    await open({ connectionsPerAddressMax: 1_000 })
    const waiting = Array.from({ length: OUTSIDE_IN_FLIGHT_MAX }, () => get('/wait'))
    await until(() => finish.length === OUTSIDE_IN_FLIGHT_MAX, 'all wait')
    expect(await get('/')).toEqual({ status: 503, wait: '1' })
    for (const each of finish) each()
    await Promise.all(waiting)
    expect((await get('/')).status).toBe(200)
  })

  it('leave the places to others while somebody is slow with his bodies', async () => {
    await open({ connectionsPerAddressMax: 1_000 })
    const slow = await Promise.all(Array.from({ length: OUTSIDE_IN_FLIGHT_MAX }, dial))
    for (const socket of slow)
      socket.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nx')
    expect((await get('/')).status).toBe(200)
    for (const socket of slow) socket.write('x')
    await until(() => served === slow.length + 1, 'all are served')
    for (const socket of slow) socket.destroy()
  })

  it('let go of a handler whose client has gone', async () => {
    await open({ connectionsPerAddressMax: 1_000 })
    const socket = await dial()
    socket.write('GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await until(() => finish.length === 1, 'it waits')
    socket.destroy()
    const waiting = Array.from({ length: OUTSIDE_IN_FLIGHT_MAX - 1 }, () => get('/wait'))
    await until(() => finish.length === OUTSIDE_IN_FLIGHT_MAX, 'all wait')
    expect((await get('/')).status).toBe(200)
    for (const each of finish) each()
    await Promise.all(waiting)
  })

  it('cut who says hello and then nothing', async () => {
    await open({ headersMsMax: 300, requestMsMax: 600, keepAliveMsMax: 300 })
    const headers = await dial()
    headers.write('GET / HTTP/1.1\r\nhost: localhost\r\n')
    const body = await dial()
    body.write('POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nx')
    const idle = await dial()
    idle.write(GET)
    await Promise.all([headers, body, idle].map(closed))
    // Two of them were never a request.
    expect(served).toBeLessThanOrEqual(1)
  })

  it('cut who reads nothing of a long answer', async () => {
    await open({ stallMsMax: 400, connectionsPerAddressMax: 1 })
    const socket = await dial()
    socket.pause()
    socket.write('GET /large HTTP/1.1\r\nhost: localhost\r\n\r\n')
    await until(async () => (await dial()).destroy(), 'its place is free again', 30_000)
    const heard = Buffer.concat(await socket.toArray().catch(() => [])).length
    expect(heard).toBeLessThan(16 * 1024 * 1024)
  })

  it('end a handshake that does not come', async () => {
    const { connect: connectPlain } = await import('node:net')
    await open({ handshakeMsMax: 300 })
    const socket = connectPlain({ host: '127.0.0.1', port: door.port })
    socket.on('error', () => undefined)
    socket.resume()
    await once(socket, 'close')
    expect(served).toBe(0)
  })

  it('bound the requests of one connection, one after the other and all at once', async () => {
    await open({ requestsPerConnectionMax: 4, pipelinedMax: 8 })
    const socket = await dial()
    const answers = socket.toArray().catch(() => [])
    for (let i = 1; i <= 4; i++) {
      socket.write(GET)
      await until(() => served === i, 'it is served')
    }
    socket.write(GET)
    await answers
    expect(served).toBe(4)
    const last = await dial()
    last.write(GET.repeat(4))
    await until(() => served === 8, 'all are served')
    last.end()
    const heard = Buffer.concat(await last.toArray()).toString('latin1')
    expect(heard.match(/HTTP\/1\.1 200/g)).toHaveLength(4)
    expect(heard).toMatch(/connection: close/i)
    const flood = await dial()
    flood.write('GET /wait HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(100))
    await closed(flood)
    expect(finish.length).toBeLessThanOrEqual(8)
  })

  it('bound the connections of one address', async () => {
    await open({ connectionsPerAddressMax: 4 })
    const sockets = await Promise.all(Array.from({ length: 4 }, dial))
    await expect(dial()).rejects.toThrow()
    sockets[0]?.destroy()
    await until(async () => (await dial()).destroy(), 'there is room again')
    for (const socket of sockets) socket.destroy()
  })

  it('stand when the door closes: what is in flight is finished', async () => {
    await open({ drainMsMax: 2_000 })
    const waiting = get('/wait')
    await until(() => finish.length === 1, 'it waits')
    const closing = door.close()
    for (const each of finish) each()
    expect((await waiting).status).toBe(200)
    await closing
    await expect(get('/')).rejects.toThrow()
  })
})
