import { once } from 'node:events'
import { createSecretKey } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConnectionFacts } from '../exchange.ts'
import { exchange, open } from '../testing/client.ts'
import { House } from '../testing/house.ts'
import { createCredential, createPki, type Pki } from '../testing/pki.ts'
import { doorCertificate, type SmallDoor, smallDoor } from '../testing/small-door.ts'
import type { DoorOptions } from './public-door.ts'
import { TICKET_KEY_LIFE_MS, ticketKeys } from './ticket-keys.ts'

let pki: Pki
const doors: SmallDoor[] = []
let facts: ConnectionFacts | undefined
async function start(options: Partial<DoorOptions> = {}): Promise<SmallDoor> {
  const started = await smallDoor(pki, {
    onRequest: (_request, reply, connection) => {
      facts = connection
      reply.send(200, [], Buffer.from('ok'))
    },
    ...options,
  })
  doors.push(started)
  return started
}
beforeAll(async () => {
  pki = await createPki()
})
afterAll(() => {
  for (const { door } of doors) door.close()
})
const get = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

/** A session that a client got at `door`; empty where it got none. */
async function session({ port, ca }: SmallDoor, tls: object = {}): Promise<Buffer> {
  const options = { port, host: '127.0.0.1', ca, servername: 'localhost', ...tls }
  const socket = connect(options)
  let [got, answer] = [Buffer.alloc(0), '']
  // In TLS 1.2 it comes with the handshake, in TLS 1.3 behind it, before the first answer.
  socket.on('session', (bytes: Buffer) => {
    got = Buffer.from(bytes)
  })
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
  })
  socket.write(get)
  await until(() => answer.endsWith('ok'), 'an answer')
  socket.destroy()
  return got
}

describe('session tickets', () => {
  const secret = createSecretKey(Buffer.alloc(32, 7))
  async function isResumed(door: SmallDoor, tls: object): Promise<boolean> {
    const socket = await open({ ...door, tls })
    const resumed = socket.isSessionReused()
    expect(await exchange(socket, get)).toMatch(/^HTTP\/1\.1 200 /)
    return resumed
  }

  it.each(['TLSv1.3', 'TLSv1.2'])(
    'of one gateway are good at another, with %s',
    async (version) => {
      const of = (now: number): Buffer => ticketKeys(secret, now)
      const [one, two] = [await start({ ticketKeys: of }), await start({ ticketKeys: of })]
      const tls = { maxVersion: version, minVersion: version }
      expect(await isResumed(two, { ...tls, session: await session(one, tls) })).toBe(true)
    },
  )
  it('are good for nothing elsewhere, nor in another hour', async () => {
    const one = await start({ ticketKeys: (now) => ticketKeys(secret, now) })
    const own = await start()
    const later = await start({
      ticketKeys: (now) => ticketKeys(secret, now + TICKET_KEY_LIFE_MS),
    })
    const got = await session(one)
    expect(await isResumed(own, { session: got })).toBe(false)
    expect(await isResumed(later, { session: got })).toBe(false)
  })
  it('stay good when the certificate is renewed', async () => {
    const one = await start({ ticketKeys: (now) => ticketKeys(secret, now) })
    const got = await session(one)
    one.door.setCertificate(await doorCertificate(pki))
    expect(await isResumed(one, { session: got })).toBe(true)
  })
  it('have keys that only the secret and the hour tell', () => {
    const hour = 5 * TICKET_KEY_LIFE_MS
    expect(ticketKeys(secret, hour).length).toBe(48)
    expect(ticketKeys(secret, hour)).toEqual(ticketKeys(secret, hour + TICKET_KEY_LIFE_MS - 1))
    expect(ticketKeys(secret, hour)).not.toEqual(ticketKeys(secret, hour + TICKET_KEY_LIFE_MS))
    const other = createSecretKey(Buffer.alloc(32, 8))
    expect(ticketKeys(secret, hour)).not.toEqual(ticketKeys(other, hour))
  })
})

describe('the name that a client asks for', () => {
  it('chooses the certificate, and is told', async () => {
    const other = await createPki('other')
    const { cert, key } = await doorCertificate(other)
    const special = createSecureContext({ cert, key })
    const door = await start({
      certificateFor: (sni) => (sni === 'shop.example' ? special : undefined),
    })
    const tls = {
      ca: other.bundle,
      servername: 'SHOP.example',
      checkServerIdentity: () => undefined,
    }
    const socket = await open({ ...door, tls })
    expect(await exchange(socket, get)).toMatch(/^HTTP\/1\.1 200 /)
    expect(facts?.sni).toBe('shop.example')
    expect(await exchange(await open(door), get)).toMatch(/^HTTP\/1\.1 200 /)
    expect(facts?.sni).toBe('localhost')
    expect(
      await exchange(
        await open({ ...door, tls: { servername: '', checkServerIdentity: () => undefined } }),
        get,
      ),
    ).toMatch(/ 200 /)
    expect(facts?.sni).toBeUndefined()
  })
  it('ends the handshake, and nothing else, where looking it up goes wrong', async () => {
    const door = await start({
      certificateFor: () => {
        throw new Error('a mistake of ours')
      },
    })
    await expect(open(door)).rejects.toThrow()
    expect(door.turnedAway).toContain('handshake')
    const tls = { servername: '', checkServerIdentity: () => undefined }
    expect(await exchange(await open({ ...door, tls }), get)).toMatch(/^HTTP\/1\.1 200 /)
  })
  it('has to be that of the Host: otherwise it is 421, on record', async () => {
    const house = await House.build()
    const running = await house.gateway({ GATEWAY_HOSTS: 'localhost,shop.example' })
    const tls = { port: running.port, ca: house.pki.bundle }
    const text = await exchange(await open(tls), get.replace('localhost', 'shop.example'))
    expect(text).toMatch(/^HTTP\/1\.1 421 /)
    expect(running.events.at(-1)?.event.code).toBe('HOST_UNKNOWN')
    const same = await exchange(await open(tls), get.replace('localhost', 'LOCALHOST:443'))
    expect(same).toMatch(/^HTTP\/1\.1 404 /)
    await house.close()
  })
})

describe('certificates of clients', () => {
  it('are asked for on demand, and handed on as they are, with their chain', async () => {
    let asks = false
    const door = await start({ asksClientCertificates: () => asks })
    const stranger = await createPki('stranger')
    const { chain, key } = await createCredential(stranger, 'somebody')
    const tls = { cert: chain, key, ALPNProtocols: ['http/1.1'] }
    await exchange(await open({ ...door, tls }), get)
    expect(facts?.certificates()).toEqual([])
    asks = true
    await exchange(await open({ ...door, tls }), get)
    expect(facts?.certificates().length).toBe(2)
    const pem = `-----BEGIN CERTIFICATE-----\n${facts
      ?.certificates()[0]
      ?.toString('base64')
      .replaceAll(/(.{64})/g, '$1\n')}`
    expect(chain).toContain(pem.trimEnd())
    // Whoever shows none comes in as before.
    expect(await exchange(await open(door), get)).toMatch(/^HTTP\/1\.1 200 /)
    expect(facts?.certificates()).toEqual([])
  })
  it('are never brought along by a session of before', async () => {
    const door = await start({ asksClientCertificates: () => true })
    for (const maxVersion of ['TLSv1.3', 'TLSv1.2'] as const) {
      const got = await session(door, { maxVersion })
      const again = await open({ ...door, tls: { maxVersion, session: got } })
      expect(again.isSessionReused()).toBe(false)
      again.destroy()
    }
  })
})

describe('what is no handshake', () => {
  it.each([
    ['noise', Buffer.alloc(600, 'x')],
    ['half a ClientHello', Buffer.from('16030102000100', 'hex')],
    ['a ClientHello that lies about its length', Buffer.from('160301000501000200000000', 'hex')],
  ])('%s hurts nobody', async (_what, bytes) => {
    const door = await start()
    const good = await open(door)
    const raw = connectTcp({ port: door.port, host: '127.0.0.1' }).on('error', () => {})
    raw.end(bytes)
    raw.resume()
    await once(raw, 'close')
    expect(await exchange(good, get)).toMatch(/^HTTP\/1\.1 200 /)
  })
  it('a renegotiation is refused', async () => {
    const door = await start()
    const socket: TLSSocket = connect({
      ...{ port: door.port, host: '127.0.0.1', ca: pki.bundle, servername: 'localhost' },
      maxVersion: 'TLSv1.2',
    })
    await once(socket, 'secureConnect')
    let error: Error | null | undefined
    socket.on('error', () => {})
    socket.renegotiate({}, (told) => {
      error = told
    })
    await until(() => error instanceof Error || socket.destroyed, 'it is refused')
    socket.destroy()
  })
})

describe('handshakes', () => {
  /** A connection of TCP; `end` tells when the other side has ended it. */
  async function plain(port: number) {
    const socket = connectTcp(port, '127.0.0.1')
    const state = { socket, over: false }
    socket
      .on('error', () => {})
      .on('close', () => {
        state.over = true
      })
    await once(socket, 'connect')
    return state
  }
  it('wait for the first bytes of a client, and nobody waits for who sends none', async () => {
    const door = await start()
    const silent = await Promise.all(Array.from({ length: 50 }, () => plain(door.port)))
    const [first] = silent
    // One byte of a handshake is a beginning: the rest has as long as any handshake.
    first?.socket.write(Buffer.of(0x16))
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => exchange(await open(door), get)),
    )
    for (const answer of all) expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(silent.map(({ over }) => over)).not.toContain(true)
    expect(door.turnedAway).toEqual([])
    for (const { socket } of silent) socket.destroy()
    await until(() => door.turnedAway.length === 50, 'each of them is on record')
    expect(new Set(door.turnedAway)).toEqual(new Set(['handshake']))
  })
  it('that are no handshake are refused, and so is a client that ends its side first', async () => {
    const door = await start()
    const wrong = await plain(door.port)
    wrong.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until(() => wrong.over, 'it is cut off')
    const gone = await plain(door.port)
    gone.socket.end()
    await until(() => gone.over, 'it is cut off, too')
    await until(() => door.turnedAway.length === 2, 'both are on record')
  })
  it('end with the door', async () => {
    const door = await start()
    const silent = await plain(door.port)
    await door.door.drain()
    await until(() => silent.over, 'it is cut off')
  })
})
