import { randomUUID } from 'node:crypto'
import { request } from 'node:https'
import { contract, endpoint } from '@countersign/contract'
import { createMemoryLimiter, Refusal, type TokenVerifier } from '@countersign/layers'
import { decider, NOTHING_NARROWED } from '@countersign/policy'
import { afterAll, beforeAll } from 'vitest'
import { z } from 'zod'
import { type MeshServer, openServer, type ServerOptions } from '../server/server.ts'
import { createTestDomain, type TestDomain } from './pki.ts'
import { createTestWorkload, type TestWorkload } from './workload.ts'

export const payment = contract('payment', {
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

/** A contract of another service, of which nothing runs at this door. */
export const elsewhere = (service: string) =>
  contract(service, {
    get: endpoint({
      at: 'GET /',
      callers: ['order'],
      roles: 'stranger',
      limit: '1/second per caller',
      reply: z.string(),
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

/** A mesh door of a workload, with a limiter of its own and nothing narrowed. */
export const openTestServer = (
  of: Pick<ServerOptions, 'workload' | 'served'>,
): Promise<MeshServer> =>
  openServer({
    ...of,
    verifier,
    limiter: createMemoryLimiter(),
    decide: decider(NOTHING_NARROWED),
    narrowing: NOTHING_NARROWED,
    listen: { host: '127.0.0.1', port: 0 },
  })

interface Running {
  readonly domain: TestDomain
  /** Payment: whose door it is. */
  readonly door: TestWorkload
  /** Order: who calls it. */
  readonly order: TestWorkload<'order'>
  readonly server: MeshServer
}
/** The door of payment and a workload that may call it, over real TLS. */
export class PaymentDoor {
  #running: Running | undefined
  /** Charges that the service has made. */
  served = 0
  /** Slow requests of which the handler has heard that nobody waits any more. */
  givenUp = 0

  get now(): Running {
    if (this.#running === undefined) throw new Error('the door opens before the first test')
    return this.#running
  }
  async open(): Promise<void> {
    const domain = await createTestDomain()
    const door = createTestWorkload('payment', await domain.identity('payment'), {})
    const server = await openTestServer({
      workload: door,
      served: [
        {
          contract: payment,
          handlers: {
            charge: ({ body, params, permit, witness }) => {
              this.served += 1
              witness({ hop: 'database', sealed: true })
              return { id: `${params.order}:${body.amountMinor}`, who: permit.person.id }
            },
            read: ({ params }) => ({ id: params.id }),
            rare: () => ({ ok: true }),
            leaky: () => ({ shown: 'yes', cardNumber: '4242424242424242' }),
            broken: () => {
              throw new Error('the secret reason')
            },
            // As many write a handler: what is left of its input is made anew.
            slow: ({ ...rest }) =>
              new Promise(() => {
                rest.signal.addEventListener('abort', () => {
                  this.givenUp += 1
                })
              }),
          },
        },
      ],
    })
    const order = createTestWorkload('order', await domain.identity('order'), {
      payment: () => [server.port],
    })
    this.#running = { domain, door, order, server }
  }
  async close(): Promise<void> {
    await this.#running?.order.close()
    await this.#running?.server.close()
  }
  /** A client of payment for somebody with this token. */
  as(token: string): any {
    return this.now.order.callFor(payment, { token, requestId: randomUUID() })
  }
  /** A request whose lines are as they are told, with the certificate of order. */
  raw(ask: {
    path: string
    method?: string
    headers: string[]
    body?: string
  }): Promise<{ status: number; body: any }> {
    const { domain, order, server } = this.now
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
}

/** Opens it before the tests of a file, and closes it behind them. */
export function usePaymentDoor(): PaymentDoor {
  const door = new PaymentDoor()
  beforeAll(() => door.open())
  afterAll(() => door.close())
  return door
}
