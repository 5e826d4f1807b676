import { randomUUID } from 'node:crypto'
import { startPostgres, wipe } from '@countersign/engines'
import { createMemoryCache, openPostgres } from '@countersign/ground/store'
import { createLog } from '@countersign/ground/telemetry'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { OrderStore } from '../order/order-store.ts'
import { openPostgresOrderStore } from '../order/order-store-postgres.ts'
import { Desk } from '../placing/desk.ts'
import { testPayments } from '../placing/payments.fixture.ts'
import { contextFor, permitFor } from './context.fixture.ts'
import { cacheGroups, handlers, type OrderHandlers } from './index.ts'

const log = createLog({ service: 'order', node: 'order-1', level: 'silent' })
const folder = temporaryFolder()
const shop = { name: 'shop', owner: 'shop', password: 'a-password-of-the-test' }
const card = { number: '4242424242424242', expiry: '12/30', holder: 'Holly Holder' }
const items = [
  { sku: 'book', quantity: 2, unitPriceMinor: 1_000 },
  { sku: 'pen', quantity: 1, unitPriceMinor: 99 },
]
const payments = testPayments()
let server: Awaited<ReturnType<typeof startPostgres>>
let store: OrderStore
let order: OrderHandlers
const url = (): string =>
  server.url({ database: shop.name, user: shop.owner, password: shop.password })

beforeAll(async () => {
  server = await startPostgres({ folder: `${folder.path}/pg`, log })
  await server.createDatabase(shop)
  store = await openPostgresOrderStore({ url: url(), log })
  const cache = createMemoryCache({ ttlMs: 60_000 })
  const desk = new Desk({ store, now: Date.now, onChange: (one) => cache.forget(cacheGroups(one)) })
  order = handlers({ store, cache, desk })
})
afterAll(async () => {
  await store.close()
  await server.stop()
  await wipe(`${folder.path}/pg`, log)
  folder[Symbol.dispose]()
})

const customer = () => permitFor(`customer-${randomUUID()}`, 'customer')
const admin = permitFor('the-admin', 'admin')
const place = (permit = customer(), idempotencyKey?: string) =>
  order.place({
    body: { items, currency: 'EUR', card },
    ...contextFor(permit, {
      payments,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    }),
  })
const read = (permit: ReturnType<typeof customer>, id: string) =>
  order.read({ params: { id }, ...contextFor(permit) })
const list = (permit: ReturnType<typeof customer>, after?: string) =>
  order.list({ query: { limit: 2, after }, ...contextFor(permit) })

test('a ping goes to payment and back', async () => {
  expect(await order.ping(contextFor(customer(), { payments }))).toEqual({ pong: true })
})

describe('placing', () => {
  test('answers with the order as it is paid, and proves the database', async () => {
    const permit = customer()
    const context = contextFor(permit, { payments })
    const placed = await order.place({ body: { items, currency: 'EUR', card }, ...context })
    expect(placed).toEqual({
      id: expect.any(String),
      status: 'paid',
      totalMinor: 2_099,
      currency: 'EUR',
      paymentId: expect.any(String),
      placedAt: expect.any(String),
    })
    expect(context.witnessed).toEqual([
      {
        hop: 'database',
        engine: `PostgreSQL ${server.version}`,
        transport: 'unix socket',
        role: 'shop',
        database: 'shop',
      },
    ])
  })

  test('twenty repetitions at one time are one order', async () => {
    const permit = customer()
    const replies = await Promise.all(Array.from({ length: 20 }, () => place(permit, 'one-key')))
    expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1)
    expect((await list(permit)).orders).toHaveLength(1)
  })

  test('nothing of the card comes to the database', async () => {
    await place()
    const { pool } = await openPostgres({ url: url(), applicationName: 'test' })
    const { rows } = await pool.query('select orders::text as row from orders')
    await pool.end()
    const text = JSON.stringify(rows)
    expect(rows.length).toBeGreaterThan(0)
    for (const part of [card.number, '4242', card.holder, card.expiry])
      expect(text).not.toContain(part)
  })
})

describe('reading', () => {
  test('the owner, admin and support see an order; to others it does not exist', async () => {
    const owner = customer()
    const { id } = await place(owner)
    for (const permit of [owner, admin, permitFor('s', 'support')])
      expect(await read(permit, id)).toMatchObject({ id, items, status: 'paid' })
    const missing = { code: 'NOT_FOUND', status: 404 }
    await expect(read(customer(), id)).rejects.toMatchObject(missing)
    await expect(read(customer(), randomUUID())).rejects.toMatchObject(missing)
    // Again, now that the order of the owner lies in the cache.
    await expect(read(customer(), id)).rejects.toMatchObject(missing)
  })

  test('neither cache nor database is asked for an id that no order can have', async () => {
    const context = contextFor(customer())
    const asked = order.read({ params: { id: 'x'.repeat(200) }, ...context })
    await expect(asked).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(context.witnessed).toEqual([])
  })

  test('lists own orders only, newest first, by pages; admin sees those of all', async () => {
    const owner = customer()
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.unshift((await place(owner)).id)
    const first = await list(owner)
    expect(first.orders.map((each) => each.id)).toEqual(ids.slice(0, 2))
    expect(first.next).toBe(ids[1])
    const second = await list(owner, first.next ?? '')
    expect(second).toMatchObject({ orders: [{ id: ids[2] }], next: null })
    expect((await list(customer())).orders).toEqual([])
    const other = await place()
    expect((await list(admin)).orders.map((each) => each.id)).toContain(other.id)
  })

  test('the second read comes from the cache, and a change is seen at once by every reader', async () => {
    const owner = customer()
    const { id } = await place(owner)
    const hops = async (): Promise<unknown[]> => {
      const contexts = [contextFor(owner), contextFor(owner)] as const
      await order.read({ params: { id }, ...contexts[0] })
      await order.list({ query: { limit: 20 }, ...contexts[1] })
      return contexts.map((context) => context.witnessed[0]?.hop)
    }
    expect(await hops()).toEqual(['database', 'database'])
    expect(await hops()).toEqual(['cache', 'cache'])
    await read(admin, id)
    await order.cancel({ params: { id }, ...contextFor(owner, { payments }) })
    for (const permit of [owner, admin]) expect((await read(permit, id)).status).toBe('cancelled')
    expect((await list(owner)).orders[0]?.status).toBe('cancelled')
  })
})

describe('changing', () => {
  test('customers cancel their own orders only', async () => {
    const owner = customer()
    const { id } = await place(owner)
    const cancel = (permit: ReturnType<typeof customer>) =>
      order.cancel({ params: { id }, ...contextFor(permit, { payments }) })
    await expect(cancel(customer())).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect((await cancel(owner)).status).toBe('cancelled')
  })

  test('what support has shipped stays shipped', async () => {
    const owner = customer()
    const { id } = await place(owner)
    const shipped = await order.ship({ params: { id }, ...contextFor(permitFor('s', 'support')) })
    expect(shipped.status).toBe('shipped')
    const cancel = order.cancel({ params: { id }, ...contextFor(owner, { payments }) })
    await expect(cancel).rejects.toMatchObject({ code: 'CONFLICT' })
  })
})
