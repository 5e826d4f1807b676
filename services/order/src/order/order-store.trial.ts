import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { moved, newOrder, type Order } from '../domain/order.ts'
import { permitFor } from '../handlers/context.fixture.ts'
import type { OrderStore } from './order-store.ts'

const NOON = Date.UTC(2026, 10, 20, 12)
const admin = permitFor('the-admin', 'admin')
const order = (personId: string, key: string | null = null, now = NOON): Order =>
  newOrder(
    {
      id: randomUUID(),
      personId,
      items: [{ sku: 'book-1', quantity: 2, unitPriceMinor: 1_250 }],
      currency: 'EUR',
      idempotencyKey: key,
    },
    now,
  )
const to = (before: Order, status: Order['status'], now = NOON + 1): Order => {
  const next = moved(before, { status, paymentId: randomUUID() }, now)
  if (next === undefined) throw new Error(`not from ${before.status} to ${status}`)
  return next
}

/** What every `OrderStore` keeps. */
export function orderStoreTrial(open: () => Promise<OrderStore>): void {
  let store: OrderStore
  beforeAll(async () => {
    store = await open()
  })
  afterAll(() => store.close())
  const person = (): string => `person-${randomUUID()}`

  test('gives back what was inserted, as it was', async () => {
    const one = order(person(), 'a key')
    expect(await store.insert(one)).toBeUndefined()
    expect(await store.byId(admin, one.id)).toEqual(one)
  })

  test('shows a person their own orders and no other', async () => {
    const [mine, theirs] = [person(), person()]
    const [ours, others] = [order(mine), order(theirs)]
    for (const one of [ours, others]) await store.insert(one)
    const permit = permitFor(mine, 'customer')
    expect(await store.byId(permit, ours.id)).toEqual(ours)
    expect(await store.byId(permit, others.id)).toBeUndefined()
    expect(await store.list(permit, { limit: 100 })).toEqual([ours])
    expect(await store.list(permit, { limit: 100, after: others.id })).toEqual([])
  })

  test('shows admin and support all, and nobody anything', async () => {
    const one = order(person())
    await store.insert(one)
    for (const role of ['admin', 'support'])
      expect(await store.byId(permitFor('x', 'customer', role), one.id)).toEqual(one)
    for (const permit of [permitFor(undefined), permitFor('', 'customer')]) {
      await expect(store.byId(permit, one.id)).rejects.toMatchObject({ status: 401 })
      await expect(store.list(permit, { limit: 1 })).rejects.toMatchObject({ status: 401 })
    }
    for (const roles of [[], ['auditor'], ['Admin'], ['administrator']])
      expect(await store.byId(permitFor('x', ...roles), one.id)).toBeUndefined()
  })

  test('a person whose name is a query is a person', async () => {
    const sly = `' or person_id is not null --${randomUUID()}`
    const one = order(sly)
    await store.insert(one)
    expect(await store.list(permitFor(sly, 'customer'), { limit: 10 })).toEqual([one])
    for (const id of ['me', '', "' or true --", one.id.toUpperCase().replace('-', '')])
      expect(await store.byId(admin, id)).toBeUndefined()
  })

  test('a person has one order under a key, and others may use the same key', async () => {
    const [mine, theirs] = [person(), person()]
    const tries = Array.from({ length: 50 }, () => order(mine, 'same'))
    const outcomes = await Promise.all(tries.map((one) => store.insert(one)))
    const inserted = tries.filter((_, i) => outcomes[i] === undefined)
    expect(inserted).toHaveLength(1)
    const found = outcomes.filter((outcome) => outcome !== undefined)
    expect(new Set(found.map((one) => one?.id))).toEqual(new Set([inserted[0]?.id]))
    expect(await store.insert(order(theirs, 'same'))).toBeUndefined()
    for (let i = 0; i < 2; i++) expect(await store.insert(order(mine, null))).toBeUndefined()
  })

  test('replaces the version it was made from, and no other', async () => {
    const placing = order(person())
    await store.insert(placing)
    const paid = to(placing, 'paid')
    expect(await store.replace(paid)).toBe(true)
    expect(await store.byId(admin, placing.id)).toEqual(paid)
    expect(await store.replace(to(placing, 'failed'))).toBe(false)
    expect(await store.replace(to(order(person()), 'paid'))).toBe(false)
    expect(await store.byId(admin, placing.id)).toEqual(paid)
  })

  test('of fifty changes to one version one wins', async () => {
    const placing = order(person())
    await store.insert(placing)
    const changes = Array.from({ length: 50 }, () => to(placing, 'paid'))
    const outcomes = await Promise.all(changes.map((change) => store.replace(change)))
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    const winner = changes[outcomes.indexOf(true)]
    expect((await store.byId(admin, placing.id))?.paymentId).toBe(winner?.paymentId)
  })

  test('lists newest first, page by page, also where times are the same', async () => {
    const mine = person()
    const orders = [0, 1, 1, 1, 2].map((ms) => order(mine, null, NOON + ms))
    for (const one of orders) await store.insert(one)
    const permit = permitFor(mine, 'customer')
    const pages = [await store.list(permit, { limit: 2 })]
    while (pages.at(-1)?.length === 2)
      pages.push(await store.list(permit, { limit: 2, after: pages.at(-1)?.at(-1)?.id }))
    const listed = pages.flat()
    expect(new Set(listed.map((one) => one.id))).toEqual(new Set(orders.map((one) => one.id)))
    expect(listed.map((one) => one.placedAt)).toEqual(
      orders.map((one) => one.placedAt).toReversed(),
    )
    expect(await store.list(permit, { limit: 2, after: randomUUID() })).toEqual([])
    expect(await store.list(permit, { limit: 2, after: 'x' })).toEqual([])
  })

  test('finds what was left open, longest first', async () => {
    const long = Date.UTC(2001, 0, 1)
    const [a, b, done, late] = [2, 1, 0, 1_000].map((ms) => order(person(), null, long + ms))
    if (!a || !b || !done || !late) throw new Error('four orders')
    for (const one of [a, b, done, late]) await store.insert(one)
    const paid = to(a, 'paid', long + 10)
    const cancelling = to(paid, 'cancelling', long + 20)
    for (const one of [paid, cancelling, to(done, 'declined', long)]) await store.replace(one)
    const ids = (orders: Order[]): string[] => orders.map((one) => one.id)
    expect(ids(await store.unfinished(long + 100, 10))).toEqual([b.id, a.id])
    expect(ids(await store.unfinished(long + 100, 1))).toEqual([b.id])
    expect(ids(await store.unfinished(long + 20, 10))).toEqual([b.id])
  })
}
