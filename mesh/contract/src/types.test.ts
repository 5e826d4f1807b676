import { describe, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { type Client, contract, endpoint, type Handlers } from './index.ts'

/*
 * What a workload may call is a matter of types. `tsc -b` reads this file: each @ts-expect-error below is an error
 * that the compiler must find, or the build fails.
 */
const payment = contract('payment', {
  charge: endpoint({
    at: 'POST /payments/:order',
    callers: ['order'],
    roles: ['customer'],
    limit: '20/minute per person',
    body: z.strictObject({ amountMinor: z.int().positive() }),
    reply: z.strictObject({ paymentId: z.string() }),
  }),
  read: endpoint({
    at: 'GET /payments/:id',
    callers: ['gateway'],
    roles: ['admin'],
    limit: '50/second per person',
    reply: z.strictObject({ paymentId: z.string() }),
  }),
  ping: endpoint({
    at: 'GET /ping',
    callers: ['workloads'],
    roles: 'stranger',
    limit: '50/second per caller',
    reply: z.literal('pong'),
  }),
})

declare const asOrder: Client<typeof payment, 'order'>
declare const asUser: Client<typeof payment, 'user'>

/** Never runs: it is compiled. */
export async function compiled(): Promise<void> {
  const paid = await asOrder.charge({ params: { order: 'o1' }, body: { amountMinor: 100 } })
  expectTypeOf(paid).toEqualTypeOf<{ paymentId: string }>()
  expectTypeOf(await asUser.ping()).toEqualTypeOf<'pong'>()
  // @ts-expect-error order is not among the callers of read
  await asOrder.read({ params: { id: 'x' } })
  // @ts-expect-error user is not among the callers of charge
  await asUser.charge({ params: { order: 'o1' }, body: { amountMinor: 100 } })
  // @ts-expect-error the body lacks its amount
  await asOrder.charge({ params: { order: 'o1' }, body: {} })
  // @ts-expect-error the parameter of the path is missing
  await asOrder.charge({ body: { amountMinor: 100 } })
  const handlers: Handlers<typeof payment, { who: string }> = {
    charge: ({ body, params, who }) => ({ paymentId: `${body.amountMinor}${params.order}${who}` }),
    // @ts-expect-error the reply is not what the contract declares
    read: () => ({ payment: 1 }),
    ping: () => 'pong',
  }
  void handlers
  // @ts-expect-error an endpoint without a limit
  endpoint({ at: 'GET /x', callers: ['order'], roles: 'anyone' })
  // @ts-expect-error an endpoint without callers
  endpoint({ at: 'GET /x', callers: [], roles: 'anyone', limit: '1/second per person' })
  // @ts-expect-error a limit that nobody can read
  endpoint({ at: 'GET /x', callers: ['order'], roles: 'anyone', limit: 'often' })
}

describe('types of a contract', () => {
  test('a client has only the endpoints that list the caller', () => {
    expectTypeOf<keyof Client<typeof payment, 'order'>>().toEqualTypeOf<'charge' | 'ping'>()
    expectTypeOf<keyof Client<typeof payment, 'gateway'>>().toEqualTypeOf<'read' | 'ping'>()
    expectTypeOf<keyof Client<typeof payment, 'user'>>().toEqualTypeOf<'ping'>()
  })
})
