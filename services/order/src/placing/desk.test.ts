import { randomUUID } from 'node:crypto'
import { createLog } from '@countersign/ground/telemetry'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Order } from '../domain/order.ts'
import { permitFor } from '../handlers/context.fixture.ts'
import type { OrderStore } from '../order/order-store.ts'
import { createMemoryOrderStore } from '../order/order-store-memory.ts'
import { Desk } from './desk.ts'
import { Refused, testPayments } from './payments.fixture.ts'
import { settleOnce } from './settling.ts'

const START = Date.UTC(2026, 10, 20)
const card = { number: '4242424242424242', expiry: '12/30', holder: 'A' }
const declinedCard = { ...card, number: '4000000000000002' }
const permit = permitFor('someone', 'customer')
const log = createLog({ service: 'order', node: 'order-1', level: 'silent' })
let now: number
let store: OrderStore
let payments: ReturnType<typeof testPayments>
let changes: Order[]
let desk: Desk

beforeEach(() => {
  now = START
  store = createMemoryOrderStore()
  payments = testPayments()
  changes = []
  const onChange = async (order: Order): Promise<void> => void changes.push(order)
  desk = new Desk({ store, now: () => now, onChange })
})
const place = (
  idempotencyKey: string | null = null,
  more: { card?: typeof card; quantity?: number } = {},
) =>
  desk.place(
    { permit, payments },
    {
      id: randomUUID(),
      personId: 'someone',
      items: [{ sku: 'book', quantity: more.quantity ?? 3, unitPriceMinor: 700 }],
      currency: 'EUR',
      idempotencyKey,
    },
    more.card ?? card,
  )
const only = async (): Promise<Order | undefined> => (await store.list(permit, { limit: 1 }))[0]
const settle = async (): Promise<number> => {
  now += 15_001
  const one = (order: Order): Promise<void> => desk.settle(payments, order)
  return settleOnce({ store, settle: one, now: () => now, log })
}
const breakAt = (moment: 'before' | 'after', call: string): void => {
  payments[moment] = (name) => {
    if (name === call) throw new Error('connection reset')
  }
}
const mend = (): void => {
  payments.before = () => {}
  payments.after = () => {}
}

describe('placing', () => {
  test('writes the order before payment is asked, and the outcome after', async () => {
    let during: Order | undefined
    payments.before = () => void only().then((order) => (during = order))
    const order = await place()
    expect(order).toMatchObject({ status: 'paid', totalMinor: 2_100, version: 2 })
    expect(during?.status).toBe('placing')
    expect(changes.map((change) => change.status)).toEqual(['placing', 'paid'])
    expect(JSON.stringify(await only())).not.toContain('4242')
  })

  test('a declined card is an order that was declined', async () => {
    expect((await place(null, { card: declinedCard })).status).toBe('declined')
  })

  test('under one key there is one order and one charge, one after another or at one time', async () => {
    const first = await place('k')
    expect(await place('k')).toEqual(first)
    expect(payments.calls).toEqual(['charge'])
    const many = await Promise.all(Array.from({ length: 20 }, () => place('l')))
    expect(new Set(many.map((order) => `${order.id} ${order.status}`)).size).toBe(1)
    expect(await store.list(permit, { limit: 10 })).toHaveLength(2)
  })

  test('another order under the same key, or another card while it is open, is a conflict', async () => {
    await place('k')
    await expect(place('k', { quantity: 4 })).rejects.toMatchObject({ code: 'CONFLICT' })
    breakAt('after', 'charge')
    await place('l').catch(() => {})
    mend()
    await expect(place('l', { card: declinedCard })).rejects.toMatchObject({ code: 'CONFLICT' })
    expect((await place('l')).status).toBe('paid')
  })

  test('what payment refuses otherwise goes through as it is', async () => {
    payments.before = () => {
      throw new Refused(429)
    }
    await expect(place()).rejects.toMatchObject({ status: 429 })
  })
})

describe('a crash', () => {
  test.each(['before', 'after'] as const)('%s the charge: a repetition ends it', async (moment) => {
    breakAt(moment, 'charge')
    await expect(place('k')).rejects.toThrow('connection reset')
    expect((await only())?.status).toBe('placing')
    mend()
    expect((await place('k')).status).toBe('paid')
  })

  test('after the charge: settling finds the money, without the card', async () => {
    breakAt('after', 'charge')
    await place().catch(() => {})
    expect(await settle()).toBe(1)
    expect(await only()).toMatchObject({ status: 'paid', paymentId: expect.any(String) })
  })

  test('before the charge: settling ends the order, and no charge can come after', async () => {
    breakAt('before', 'charge')
    await place('k').catch(() => {})
    mend()
    expect(await settle()).toBe(1)
    expect(await only()).toMatchObject({ status: 'failed', paymentId: null })
    expect((await place('k')).status).toBe('failed')
    expect(payments.calls.filter((call) => call === 'charge')).toHaveLength(1)
  })

  test('one that was slow finds the order as settling has left it', async () => {
    const gate = Promise.withResolvers<void>()
    const reached = Promise.withResolvers<void>()
    const { charge } = payments
    const slow: typeof charge = async (...input) => {
      const reply = await charge(...input)
      reached.resolve()
      await gate.promise
      return reply
    }
    const placing = desk.place(
      { permit, payments: { ...payments, charge: slow } },
      { id: randomUUID(), personId: 'someone', items: [], currency: 'EUR', idempotencyKey: null },
      card,
    )
    await reached.promise
    await settle()
    gate.resolve()
    expect(await placing).toMatchObject({ status: 'paid', version: 2 })
  })

  test('young orders are left to who places them; what fails is tried again', async () => {
    breakAt('after', 'charge')
    await place().catch(() => {})
    const one = (order: Order): Promise<void> => desk.settle(payments, order)
    expect(await settleOnce({ store, settle: one, now: () => now, log })).toBe(0)
    breakAt('before', 'settle')
    expect(await settle()).toBe(0)
    mend()
    expect(await settle()).toBe(1)
  })
})

describe('cancelling', () => {
  const cancel = (id: string) => desk.cancel({ permit, payments }, id)

  test('gives the money back once, and to ask again is no mistake', async () => {
    const { id } = await place()
    expect((await cancel(id)).status).toBe('cancelled')
    expect((await cancel(id)).status).toBe('cancelled')
    expect(payments.calls).toEqual(['charge', 'giveBack'])
  })

  test('where payment is away the order stays open until it is settled', async () => {
    const { id } = await place()
    breakAt('before', 'giveBack')
    await expect(cancel(id)).rejects.toThrow('connection reset')
    expect((await only())?.status).toBe('cancelling')
    mend()
    expect(await settle()).toBe(1)
    expect((await only())?.status).toBe('cancelled')
  })

  test('what was shipped, declined or is not theirs cannot be cancelled', async () => {
    const shipped = await place()
    expect((await desk.ship(permit, shipped.id)).status).toBe('shipped')
    expect((await desk.ship(permit, shipped.id)).status).toBe('shipped')
    const declined = await place(null, { card: declinedCard })
    for (const { id } of [shipped, declined])
      await expect(cancel(id)).rejects.toMatchObject({ code: 'CONFLICT' })
    const stranger = { permit: permitFor('another', 'customer'), payments }
    await expect(desk.cancel(stranger, shipped.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('a cancelled order is not shipped, and one of two that meet wins', async () => {
    const { id } = await place()
    const met = await Promise.allSettled([cancel(id), desk.ship(permit, id)])
    expect(met.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
  })
})
