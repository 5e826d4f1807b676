import { randomUUID } from 'node:crypto'
import { contract } from '@countersign/contract'
import { until } from '@countersign/ground/testkit'
import { describe, expect, test } from 'vitest'
import { elsewhere, openTestServer, payment, usePaymentDoor } from './testing/payment-door.ts'
import { createTestWorkload } from './testing/workload.ts'

/* The SDK's client, over real TLS. */
const my = usePaymentDoor()

describe('a call', () => {
  test('arrives with its person, and leaves intent and outcome on record', async () => {
    const seen: unknown[] = []
    const requestId = randomUUID()
    const client = my.now.order.callFor(payment, {
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
        at: `127.0.0.1:${my.now.server.port}`,
        peer: 'spiffe://test.local/service/payment',
        tls: 'TLSv1.3',
        serial: my.now.door.identity.current().serial,
      },
    ])
    const [intent, outcome] = my.now.door.events.filter(
      (event) => event.http?.request?.id === requestId,
    )
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
    await expect(my.as('good.admin').read({ params: { id: '1' } })).rejects.toMatchObject({
      status: 403,
      problem: { code: 'CALLER_FORBIDDEN' },
    })
    expect(my.now.door.events.at(-1)).toMatchObject({
      status: 'refused',
      event: { code: 'CALLER_FORBIDDEN' },
      countersign: { hinge: 'authorise', remedy: "add 'order' to the callers of payment.read" },
    })
  })
  test('of the wrong role is refused', async () => {
    await expect(
      my.as('good.support').charge({ params: { order: '1' }, body: { amountMinor: 1 } }),
    ).rejects.toMatchObject({ status: 403, problem: { code: 'ROLE_MISSING' } })
  })
  test('with a bad token is refused before the body is looked at', async () => {
    const before = my.served
    await expect(my.as('bad').charge({ params: { order: '1' }, body: 'x' })).rejects.toMatchObject({
      status: 401,
      problem: { code: 'TOKEN_INVALID' },
    })
    await expect(
      (my.now.order.call(payment) as any).charge({ params: { order: '1' }, body: {} }),
    ).rejects.toMatchObject({ status: 401, problem: { code: 'TOKEN_MISSING' } })
    expect(my.served).toBe(before)
  })
  test('with a wrong body names the field', async () => {
    await expect(
      my.as('good.customer').charge({ params: { order: '1' }, body: { amountMinor: -1, more: 1 } }),
    ).rejects.toMatchObject({
      status: 400,
      problem: { code: 'BODY_INVALID', errors: [{ field: 'body.amountMinor' }, { field: 'body' }] },
    })
  })
  test.each(['two words', 'k'.repeat(129), 'schlüssel'])(
    'with the idempotency key %j, by which nobody would know it again, is refused before it has an effect',
    async (idempotencyKey) => {
      const before = my.served
      await expect(
        my
          .as('good.customer')
          .charge({ params: { order: '1' }, body: { amountMinor: 1 } }, { idempotencyKey }),
      ).rejects.toMatchObject({ status: 400, problem: { code: 'REQUEST_INVALID' } })
      expect(my.served).toBe(before)
    },
  )
  test('over the limit is told to wait', async () => {
    await my.as('good.customer').rare()
    await my.as('good.customer').rare()
    await expect(my.as('good.customer').rare()).rejects.toMatchObject({
      status: 429,
      problem: { code: 'RATE_LIMITED' },
    })
  })
  test('gets only what the reply declares', async () => {
    expect(await my.as('good.customer').leaky()).toEqual({ shown: 'yes' })
  })
  test('that fails inside learns nothing of the inside', async () => {
    const error: any = await my
      .as('good.customer')
      .broken()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ status: 500, problem: { code: 'INTERNAL' } })
    expect(JSON.stringify(error.problem)).not.toContain('secret')
  })
  test('that takes too long ends in time', async () => {
    await expect(my.as('good.customer').slow()).rejects.toMatchObject({ code: 'TIMEOUT' })
  })
  test('that nobody waits for any more is told so, also where its handler takes `({ ...rest })`', async () => {
    const before = my.givenUp
    // On a busy machine the time of one may be over before it has reached the handler.
    await until(async () => {
      await expect(my.as('good.customer').slow()).rejects.toMatchObject({ code: 'TIMEOUT' })
      return my.givenUp > before
    }, 'the handler hears of it')
  })
  test('to nowhere says so', async () => {
    await expect(my.now.order.call(elsewhere('nowhere')).get()).rejects.toMatchObject({
      code: 'NO_INSTANCE',
    })
  })
})

test('an answer that is no JSON is the fault of who answered', async () => {
  const other = createTestWorkload('payment', await my.now.domain.identity('payment'), {})
  const strange = await openTestServer({
    workload: other,
    served: [
      {
        contract: contract('payment', { rare: { ...payment.endpoints.rare, kind: 'raw' } }),
        handlers: { rare: () => ({ status: 200, body: 'no json' }) },
      },
    ],
  })
  const caller = createTestWorkload('order', my.now.order.identity, {
    payment: () => [strange.port],
  })
  await expect((caller.call(payment) as any).rare()).rejects.toMatchObject({
    code: 'REPLY_INVALID',
  })
  await caller.close()
  await strange.close()
})
