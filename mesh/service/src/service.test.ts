import { randomUUID } from 'node:crypto'
import { request } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { contract, endpoint } from '@countersign/contract'
import { createMemoryLimiter, Refusal, type TokenVerifier } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type MeshServer, openServer } from './server/server.ts'
import { createTestDomain, type TestDomain } from './testing/pki.ts'
import { createTestWorkload, type TestWorkload } from './testing/workload.ts'

/* The SDK's door and its client, over real TLS. */
const payment = contract('payment', {
  charge: endpoint({
    at: 'POST /payments/:order',
    callers: ['order'],
    roles: ['customer'],
    limit: '1000/second per caller',
    status: 201,
    idempotent: true,
    body: z.strictObject({ amountMinor: z.int().positive() }),
    reply: z.strictObject({ id: z.string(), who: z.string() }),
  }),
  read: endpoint({
    at: 'GET /payments/:id',
    callers: ['gateway'],
    roles: ['admin'],
    limit: '50/second per person',
    reply: z.strictObject({ id: z.string() }),
  }),
  rare: endpoint({
    at: 'GET /rare',
    callers: ['order'],
    roles: 'stranger',
    limit: '2/day per caller',
    reply: z.strictObject({ ok: z.boolean() }),
  }),
  leaky: endpoint({
    at: 'GET /leaky',
    callers: ['order'],
    roles: 'stranger',
    limit: '50/second per caller',
    reply: z.object({ shown: z.string() }),
  }),
  broken: endpoint({
    at: 'GET /broken',
    callers: ['order'],
    roles: 'stranger',
    limit: '50/second per caller',
    reply: z.object({}),
  }),
  slow: endpoint({
    at: 'GET /slow',
    callers: ['order'],
    roles: 'stranger',
    limit: '50/second per caller',
    timeoutMs: 300,
    reply: z.object({}),
  }),
})

const verifier: TokenVerifier = {
  verify: (token) => {
    if (!token.startsWith('good.')) throw new Refusal('TOKEN_INVALID', { rule: 'token: signature' })
    const role = token.slice(5)
    return {
      person: { id: `id-of-${role}`, name: role, roles: [role], clientId: 'test', tokenId: '1' },
      expiresAt: Number.MAX_SAFE_INTEGER,
      boundTo: undefined,
      scopes: [],
    }
  },
}
let domain: TestDomain
let server: MeshServer
let door: TestWorkload
let order: TestWorkload
let served = 0

beforeAll(async () => {
  domain = await createTestDomain()
  door = createTestWorkload('payment', await domain.identity('payment'), {})
  server = await openServer({
    workload: door,
    served: [
      {
        contract: payment,
        handlers: {
          charge: ({ body, params, permit, witness }) => {
            served += 1
            witness({ hop: 'database', sealed: true })
            return { id: `${params.order}:${body.amountMinor}`, who: permit.person.id }
          },
          read: ({ params }) => ({ id: params.id }),
          rare: () => ({ ok: true }),
          leaky: () => ({ shown: 'yes', cardNumber: '4242424242424242' }),
          broken: () => {
            throw new Error('the secret reason')
          },
          slow: () => new Promise(() => undefined),
        },
      },
    ],
    verifier,
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })
  order = createTestWorkload('order', await domain.identity('order'), {
    payment: () => [server.port],
  })
})
afterAll(async () => {
  await order.close()
  await server.close()
})

const as = (token: string) => order.callFor(payment, { token, requestId: randomUUID() }) as any
const last = () => door.events.at(-1)

describe('a call', () => {
  test('arrives with its person, and leaves intent and outcome on record', async () => {
    const seen: unknown[] = []
    const requestId = randomUUID()
    const client = order.callFor(payment, {
      token: 'good.customer',
      requestId,
      seen: (proof) => void seen.push(proof),
    }) as any
    const paid = await client.charge(
      { params: { order: 'o 1/2' }, body: { amountMinor: 5 } },
      { idempotencyKey: 'k' },
    )
    expect(paid).toEqual({ id: 'o 1/2:5', who: 'id-of-customer' })
    expect(seen).toEqual([
      {
        hop: 'payment.charge',
        status: 201,
        at: `127.0.0.1:${server.port}`,
        peer: 'spiffe://test.local/service/payment',
        tls: 'TLSv1.3',
        serial: door.identity.current().serial,
      },
    ])
    const [intent, outcome] = door.events.filter((event) => event.http?.request?.id === requestId)
    expect(intent).toMatchObject({
      status: 'intent',
      action: 'payment.charge',
      userId: 'id-of-customer',
    })
    expect(outcome).toMatchObject({
      status: 'success',
      client: { workload: 'spiffe://test.local/service/order' },
      tls: { version: 'TLSv1.3' },
      http: { response: { status_code: 201 } },
      countersign: {
        rule: 'contract payment.charge: caller order, role customer',
        witness: [{ hop: 'database', sealed: true }],
      },
    })
  })

  test('that the contract does not list is refused, whatever the types were told', async () => {
    await expect(as('good.admin').read({ params: { id: '1' } })).rejects.toMatchObject({
      status: 403,
      problem: { code: 'CALLER_FORBIDDEN' },
    })
    expect(last()).toMatchObject({
      status: 'refused',
      event: { code: 'CALLER_FORBIDDEN' },
      countersign: { hinge: 'authorise', remedy: "add 'order' to the callers of payment.read" },
    })
  })
  test('of the wrong role is refused', async () => {
    await expect(
      as('good.support').charge({ params: { order: '1' }, body: { amountMinor: 1 } }),
    ).rejects.toMatchObject({ status: 403, problem: { code: 'ROLE_MISSING' } })
  })
  test('with a bad token is refused before the body is looked at', async () => {
    const before = served
    await expect(as('bad').charge({ params: { order: '1' }, body: 'x' })).rejects.toMatchObject({
      status: 401,
      problem: { code: 'TOKEN_INVALID' },
    })
    await expect(
      (order.call(payment) as any).charge({ params: { order: '1' }, body: {} }),
    ).rejects.toMatchObject({ status: 401, problem: { code: 'TOKEN_MISSING' } })
    expect(served).toBe(before)
  })
  test('with a wrong body names the field', async () => {
    await expect(
      as('good.customer').charge({ params: { order: '1' }, body: { amountMinor: -1, more: 1 } }),
    ).rejects.toMatchObject({
      status: 400,
      problem: { code: 'BODY_INVALID', errors: [{ field: 'body.amountMinor' }, { field: 'body' }] },
    })
  })
  test.each(['two words', 'k'.repeat(129), 'schlüssel'])(
    'with the idempotency key %j, by which nobody would know it again, is refused before it has an effect',
    async (idempotencyKey) => {
      const before = served
      await expect(
        as('good.customer').charge(
          { params: { order: '1' }, body: { amountMinor: 1 } },
          { idempotencyKey },
        ),
      ).rejects.toMatchObject({ status: 400, problem: { code: 'REQUEST_INVALID' } })
      expect(served).toBe(before)
    },
  )
  test('over the limit is told to wait', async () => {
    await as('good.customer').rare()
    await as('good.customer').rare()
    await expect(as('good.customer').rare()).rejects.toMatchObject({
      status: 429,
      problem: { code: 'RATE_LIMITED' },
    })
  })
  test('gets only what the reply declares', async () => {
    expect(await as('good.customer').leaky()).toEqual({ shown: 'yes' })
  })
  test('that fails inside learns nothing of the inside', async () => {
    const error: any = await as('good.customer')
      .broken()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ status: 500, problem: { code: 'INTERNAL' } })
    expect(JSON.stringify(error.problem)).not.toContain('secret')
  })
  test('that takes too long ends in time', async () => {
    await expect(as('good.customer').slow()).rejects.toMatchObject({ code: 'TIMEOUT' })
  })
  test('to nowhere says so', async () => {
    const nowhere = contract('nowhere', {
      get: endpoint({
        at: 'GET /',
        callers: ['order'],
        roles: 'stranger',
        limit: '1/second per caller',
        reply: z.string(),
      }),
    })
    await expect((order.call(nowhere) as any).get()).rejects.toMatchObject({ code: 'NO_INSTANCE' })
  })
})

describe('the door', () => {
  test('goes on through renewals of both sides, with calls under way', async () => {
    const calls = Array.from({ length: 200 }, async (_, i) => {
      await new Promise((done) => setTimeout(done, i * 2))
      if (i === 50) await (order.identity as any).renew()
      if (i === 100) await (door.identity as any).renew()
      return as('good.customer').charge({ params: { order: String(i) }, body: { amountMinor: 1 } })
    })
    expect((await Promise.all(calls)).length).toBe(200)
  })

  test('does not let in a certificate of another root, however alike', async () => {
    const other = await createTestDomain('test')
    const stranger = createTestWorkload('order', await other.identity('order'), {
      payment: () => [server.port],
    })
    await expect((stranger.call(payment) as any).rare()).rejects.toMatchObject({
      code: 'UNREACHABLE',
    })
  })

  test('is not believed by a caller who expected somebody else', async () => {
    const lost = createTestWorkload('order', order.identity, { user: () => [server.port] })
    const user = contract('user', {
      get: endpoint({
        at: 'GET /',
        callers: ['order'],
        roles: 'stranger',
        limit: '1/second per caller',
        reply: z.string(),
      }),
    })
    await expect((lost.call(user) as any).get()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('service/user'),
    })
  })

  test('ends the handshake of a client without a certificate', async () => {
    const code = await new Promise((done) => {
      const socket = connectTls({
        port: server.port,
        host: '127.0.0.1',
        ca: domain.bundle,
        checkServerIdentity: () => undefined,
      })
      socket.on('data', () => undefined)
      socket.once('error', (error: NodeJS.ErrnoException) => done(error.code))
    })
    expect(code).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED')
  })

  test('counts more than one credential, and paths that nobody declared, as refusals with a problem', async () => {
    const two = await raw({
      path: '/rare',
      headers: ['authorization', 'Bearer good.a', 'authorization', 'Bearer good.b', 'host', 'x'],
    })
    expect(two).toMatchObject({ status: 400, body: { code: 'REQUEST_INVALID' } })
    const nowhere = await raw({ path: '/no/such', headers: ['host', 'x'] })
    expect(nowhere).toMatchObject({ status: 404, body: { code: 'ROUTE_UNKNOWN' } })
    const large = await raw({
      path: '/payments/1',
      method: 'POST',
      headers: [
        'host',
        'x',
        'authorization',
        'Bearer good.customer',
        'content-type',
        'application/json',
      ],
      body: JSON.stringify({ x: 'y'.repeat(100_000) }),
    })
    expect(large).toMatchObject({ status: 413, body: { code: 'BODY_TOO_LARGE' } })
    const text = await raw({
      path: '/payments/1',
      method: 'POST',
      headers: ['host', 'x', 'authorization', 'Bearer good.customer', 'content-type', 'text/plain'],
      body: 'x',
    })
    expect(text).toMatchObject({ status: 415, body: { code: 'MEDIA_TYPE' } })
    const broken = await raw({
      path: '/payments/1',
      method: 'POST',
      headers: [
        'host',
        'x',
        'authorization',
        'Bearer good.customer',
        'content-type',
        'application/json',
      ],
      body: '{"amountMinor":',
    })
    expect(broken).toMatchObject({ status: 400, body: { code: 'BODY_INVALID' } })
  })
})

test('a caller that goes away in the midst of its body is no fault of the service', async () => {
  const { key, chain } = order.identity.current()
  const socket = connectTls({
    ...{ port: server.port, host: '127.0.0.1', key, cert: chain, ca: domain.bundle },
    checkServerIdentity: () => undefined,
  })
  const head = 'POST /payments/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good.customer\r\n'
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`)
  const before = door.events.length
  await until(() => door.events.length > before, 'the intent on record')
  socket.destroy()
  await until(() => door.events.length > before + 1, 'the outcome on record')
  expect(last()).toMatchObject({ status: 'refused', event: { code: 'REQUEST_INVALID' } })
})

test('an answer that is no JSON is the fault of who answered', async () => {
  const other = createTestWorkload('payment', await domain.identity('payment'), {})
  const strange = await openServer({
    workload: other,
    served: [
      {
        contract: contract('payment', { rare: { ...payment.endpoints.rare, kind: 'raw' } }),
        handlers: { rare: () => ({ status: 200, body: 'no json' }) },
      },
    ],
    verifier,
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })
  const caller = createTestWorkload('order', order.identity, { payment: () => [strange.port] })
  await expect((caller.call(payment) as any).rare()).rejects.toMatchObject({
    code: 'REPLY_INVALID',
  })
  await caller.close()
  await strange.close()
})

test('a key that cannot be used is refused, not passed over', async () => {
  const before = served
  await expect(
    as('good.customer').charge(
      { params: { order: '1' }, body: { amountMinor: 1 } },
      { idempotencyKey: 'two words' },
    ),
  ).rejects.toMatchObject({ status: 400, problem: { code: 'REQUEST_INVALID' } })
  expect(served).toBe(before)
})

function raw(ask: {
  path: string
  method?: string
  headers: string[]
  body?: string
}): Promise<{ status: number; body: any }> {
  const { key, chain } = order.identity.current()
  return new Promise((done, fail) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port: server.port,
        path: ask.path,
        method: ask.method ?? 'GET',
        headers: ask.headers as any,
        key,
        cert: chain,
        ca: domain.bundle,
        checkServerIdentity: () => undefined,
        agent: false,
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.once('end', () =>
          done({ status: response.statusCode ?? 0, body: JSON.parse(text) }),
        )
      },
    )
    sent.once('error', fail)
    sent.end(ask.body)
  })
}
