import { connect, type TLSSocket } from 'node:tls'
import { contract, endpoint } from '@countersign/contract'
import { createMemoryLimiter, type TokenVerifier } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { until } from '@countersign/ground/testkit'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import {
  createTestDomain,
  createTestRoot,
  factsOf,
  type TestDomain,
  type TestIdentity,
} from '../testing/pki.ts'
import { createTestWorkload, type TestWorkload } from '../testing/workload.ts'
import { type MeshServer, openServer } from './server.ts'

/* Who is let in at the door, who is let go, and how fast: over real TLS. */
const limit = '100000/second per caller'
const reply = z.object({ ok: z.boolean() })
const at = { callers: ['order'], roles: 'stranger', limit } as const
const payment = contract('payment', {
  read: endpoint({ at: 'GET /read', ...at, reply, audited: true }),
  slow: endpoint({ at: 'GET /slow', ...at, reply, timeoutMs: 5_000 }),
})
const verifier: TokenVerifier = {
  verify: () => {
    throw new Error('no tokens here')
  },
}

let domain: TestDomain
let door: TestWorkload
let doorIdentity: TestIdentity
let server: MeshServer
let served: string[]
let release: () => void
const sockets: TLSSocket[] = []

beforeEach(async () => {
  domain = await createTestDomain()
  doorIdentity = await domain.identity('payment')
  door = createTestWorkload('payment', doorIdentity, {})
  served = []
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  server = await openServer({
    workload: door,
    served: [
      {
        contract: payment,
        handlers: {
          read: () => {
            served.push('read')
            return { ok: true }
          },
          slow: async () => {
            served.push('slow')
            await slow
            return { ok: true }
          },
        },
      },
    ],
    verifier,
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })
})
afterEach(async () => {
  release()
  for (const socket of sockets.splice(0)) socket.destroy()
  await server.close()
})

interface Caller {
  readonly socket: TLSSocket
  /** All that came. */
  text(): string
  closed(): boolean
  session(): Buffer | undefined
  resumed(): boolean
  get(path: string): void
}
/** A client that we did not write: it shows a certificate, and takes what comes. */
function call(
  identity: TestIdentity,
  options: { session?: Buffer | undefined; alpn?: boolean } = {},
): Promise<Caller> {
  const { key, chain } = identity.current()
  let text = ''
  let closed = false
  let session: Buffer | undefined
  let resumed = false
  const socket = connect({
    ...{ host: '127.0.0.1', port: server.port, key, cert: chain, ca: identity.bundle() },
    ...(options.alpn === false ? {} : { ALPNProtocols: ['http/1.1'] }),
    ...(options.session === undefined ? {} : { session: options.session }),
    minVersion: 'TLSv1.3',
    checkServerIdentity: () => undefined,
  })
  sockets.push(socket)
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  socket.once('secureConnect', () => (resumed = socket.isSessionReused()))
  socket.on('session', (fresh: Buffer) => (session = fresh))
  socket.on('error', () => undefined).on('close', () => (closed = true))
  const caller: Caller = {
    socket,
    text: () => text,
    closed: () => closed,
    session: () => session,
    resumed: () => resumed,
    get: (path) => void socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`),
  }
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(caller)).once('close', () => resolve(caller))
  })
}
const answered = (caller: Caller, times = 1): Promise<void> =>
  until(() => caller.text().split('HTTP/1.1 200').length === times + 1, 'an answer')
const counted = async (name: string): Promise<string[]> =>
  (await door.metrics.text()).split('\n').filter((line) => line.startsWith(`${name}{`))
const refusals = () => door.events.filter(({ action }) => action === 'peer.refuse')

describe('a workload whose certificate was taken back', () => {
  test.each(['serial', 'lineage'] as const)(
    'by its %s is cut off at once, idle or not, and no request of it reaches a handler any more',
    async (by) => {
      const order = await domain.identity('order')
      const [idle, busy] = [await call(order), await call(order)]
      idle.get('/read')
      await answered(idle)
      busy.get('/slow')
      await until(() => served.includes('slow'), 'a request under way')
      const { serial = '', lineage = '' } = factsOf(order.current().chain)
      doorIdentity.learnRevoked(by === 'serial' ? { serial } : { lineage })
      idle.get('/read')
      await until(() => idle.closed() && busy.closed(), 'both connections ended')
      release()
      await new Promise((resolve) => setTimeout(resolve, 50))
      expect(served).toEqual(['read', 'slow'])
      expect(busy.text()).toBe('')
      expect(await counted('countersign_connections_cut_total')).toEqual([
        'countersign_connections_cut_total{reason="revoked"} 2',
      ])
    },
  )

  test('does not come in again: its connection ends before any answer, and is on record once', async () => {
    const order = await domain.identity('order')
    doorIdentity.learnRevoked({ serial: factsOf(order.current().chain).serial })
    for (let i = 0; i < 5; i++) {
      const caller = await call(order)
      caller.get('/read')
      await until(() => caller.closed(), 'the end')
      expect(caller.text()).toBe('')
    }
    expect(served).toEqual([])
    expect(refusals()).toEqual([
      expect.objectContaining({
        status: 'refused',
        event: expect.objectContaining({ code: 'REVOKED' }),
        client: { workload: order.id, ip: '127.0.0.1' },
        tls: { client: { serial: order.current().serial } },
      }),
    ])
    expect(await counted('countersign_tls_refused_total')).toEqual([
      'countersign_tls_refused_total{reason="revoked"} 5',
    ])
  })

  test('does not come in by a resumed session', async () => {
    const order = await domain.identity('order')
    const { serial } = factsOf(order.current().chain)
    const first = await call(order)
    first.get('/read')
    await answered(first)
    first.socket.destroy()
    await until(() => first.closed(), 'nobody is connected')
    const again = await call(order, { session: first.session() })
    again.get('/read')
    await answered(again)
    // The certificate comes back with the session, so that there is something to check.
    expect(again.resumed()).toBe(true)
    const shown = door.events.map(({ tls }) => tls?.client?.serial)
    expect(shown).toEqual([serial, serial])
    doorIdentity.learnRevoked({ serial })
    const late = await call(order, { session: again.session() })
    late.get('/read')
    await until(() => late.closed(), 'the end')
    expect(late.resumed()).toBe(false)
    expect([late.text(), served.length]).toEqual(['', 2])
  })

  test('does not come in by a resumed session whose ticket is still good, either', async () => {
    const order = await domain.identity('order')
    const first = await call(order)
    first.get('/read')
    await answered(first)
    // Nobody is told, so the keys of the tickets stay: the handshake alone has to notice.
    Object.defineProperty(doorIdentity.revocations, 'refusalOf', { value: () => 'REVOKED' })
    const late = await call(order, { session: first.session() })
    late.get('/read')
    await until(() => late.closed(), 'the end')
    expect(late.resumed()).toBe(true)
    expect([late.text(), served.length]).toEqual(['', 1])
    expect(refusals()).toHaveLength(1)
  })

  test('and another that was not: only the one is cut off', async () => {
    const [order, other] = [await domain.identity('order'), await domain.identity('order')]
    const [gone, stays] = [await call(order), await call(other)]
    stays.get('/slow')
    await until(() => served.includes('slow'), 'a request under way')
    doorIdentity.learnRevoked({ serial: factsOf(order.current().chain).serial })
    await until(() => gone.closed(), 'the end of the one')
    release()
    await answered(stays)
    stays.get('/read')
    await answered(stays, 2)
  })

  test('cannot outrun that by renewing, where its lineage was taken back', async () => {
    const order = await domain.identity('order')
    await order.renew()
    const { serial, lineage = '' } = factsOf(order.current().chain)
    expect(serial).not.toBe(lineage)
    doorIdentity.learnRevoked({ lineage })
    await order.renew()
    const caller = await call(order)
    caller.get('/read')
    await until(() => caller.closed(), 'the end')
    expect(served).toEqual([])
  })
})

test('a list that is too old lets nobody in, and ends what is open', async () => {
  const order = await domain.identity('order')
  const open = await call(order)
  open.get('/read')
  await answered(open)
  Object.defineProperty(doorIdentity.revocations, 'refusalOf', { value: () => 'LIST_TOO_OLD' })
  doorIdentity.learnRevoked({ serial: 'abc' })
  await until(() => open.closed(), 'the end')
  const late = await call(order)
  late.get('/read')
  await until(() => late.closed(), 'the end')
  expect(late.text()).toBe('')
  expect(await counted('countersign_connections_cut_total')).toEqual([
    'countersign_connections_cut_total{reason="list_too_old"} 1',
  ])
})

describe('after a root was retired', () => {
  test('who still shows a certificate below it is let go, and what is under way ends well', async () => {
    const order = await domain.identity('order')
    const next = await createTestRoot('next')
    doorIdentity.trust(domain.bundle + next.bundle)
    order.trust(domain.bundle + next.bundle)
    await doorIdentity.renew(next)
    const [idle, busy] = [await call(order), await call(order)]
    idle.get('/read')
    await answered(idle)
    busy.get('/slow')
    await until(() => served.includes('slow'), 'a request under way')
    await order.renew(next)
    const fresh = await call(order)
    fresh.get('/read')
    await answered(fresh)

    doorIdentity.trust(next.bundle)
    await until(() => idle.closed(), 'the idle one ended')
    expect(busy.closed()).toBe(false)
    release()
    await answered(busy)
    await until(() => busy.closed(), 'the busy one ended')
    // Whoever has renewed is not touched.
    fresh.get('/read')
    await answered(fresh, 2)
    expect(await counted('countersign_connections_cut_total')).toEqual([
      'countersign_connections_cut_total{reason="retired"} 2',
    ])
  })

  test('nobody comes in with a certificate below it, nor by a session that began under it', async () => {
    const order = await domain.identity('order')
    const next = await createTestRoot('next')
    const both = domain.bundle + next.bundle
    doorIdentity.trust(both)
    order.trust(both)
    const first = await call(order)
    first.get('/read')
    await answered(first)
    await doorIdentity.renew(next)
    doorIdentity.trust(next.bundle)
    for (const session of [undefined, first.session()]) {
      const late = await call(order, { session })
      late.get('/read')
      await until(() => late.closed(), 'the end')
      expect(late.text()).toBe('')
    }
    expect(served).toEqual(['read'])
    expect(refusals().map(({ event }) => event.code)).toEqual(['CHAIN'])
  })

  test('a bundle that only grows disturbs nobody', async () => {
    const order = await domain.identity('order')
    const open = await call(order)
    open.get('/read')
    await answered(open)
    doorIdentity.trust(domain.bundle + (await createTestRoot('next')).bundle)
    await new Promise((resolve) => setTimeout(resolve, 50))
    open.get('/read')
    await answered(open, 2)
  })
})

test('a client that names no protocol comes in by an intermediate that the door knows', async () => {
  const caller = await call(await domain.identity('order'), { alpn: false })
  caller.get('/read')
  await answered(caller)
})
