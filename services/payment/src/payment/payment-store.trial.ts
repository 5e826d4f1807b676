import { randomUUID } from 'node:crypto'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  changed,
  type Payment,
  paymentIdOf,
  pendingPayment,
  voidPayment,
} from '../domain/payment.ts'
import type { PaymentStore } from './payment-store.ts'

const NOON = Date.UTC(2026, 10, 20, 12)
let seals = 0
const payment = (orderId: string = randomUUID(), now = NOON): Payment =>
  pendingPayment(
    {
      orderId,
      personId: 'someone',
      amountMinor: 12_345,
      currency: 'EUR',
      sealedCard: `cs1.key.${++seals}`,
      maskedCard: '**** 4242',
    },
    now,
  )

/** What every `PaymentStore` keeps. */
export function paymentStoreTrial(open: () => Promise<PaymentStore>): void {
  let store: PaymentStore
  beforeAll(async () => {
    store = await open()
  })
  afterAll(() => store.close())

  test('gives back what was claimed, as it was', async () => {
    const claimed = payment()
    expect(await store.claim(claimed)).toBeUndefined()
    expect(await store.byId(claimed.id)).toEqual(claimed)
    const nothing = voidPayment(randomUUID(), NOON)
    expect(await store.claim(nothing)).toBeUndefined()
    expect(await store.byId(nothing.id)).toEqual(nothing)
  })

  test('knows nothing of an id that was never claimed', async () => {
    for (const id of [paymentIdOf(randomUUID()), 'x', "' or 1=1", '\u0000'])
      expect(await store.byId(id)).toBeUndefined()
  })

  test('of a hundred claims of one order one succeeds, and the others see it', async () => {
    const orderId = randomUUID()
    const claims = Array.from({ length: 100 }, () => payment(orderId))
    const outcomes = await Promise.all(claims.map((claim) => store.claim(claim)))
    const winners = claims.filter((_, i) => outcomes[i] === undefined)
    expect(winners).toHaveLength(1)
    const seen = outcomes.filter((outcome) => outcome !== undefined)
    expect(new Set(seen.map((outcome) => outcome?.sealedCard))).toEqual(
      new Set([winners[0]?.sealedCard]),
    )
  })

  test('a claim that is sent again because its answer was lost succeeds again', async () => {
    const claimed = payment()
    expect(await store.claim(claimed)).toBeUndefined()
    expect(await store.claim(structuredClone(claimed))).toBeUndefined()
    expect(await store.claim({ ...claimed, sealedCard: 'cs1.key.other' })).toEqual(claimed)
  })

  test('replaces the version it was made from, and no other', async () => {
    const pending = payment()
    await store.claim(pending)
    const captured = changed(pending, { status: 'captured' })
    expect(await store.replace(captured)).toBe(true)
    expect(await store.byId(pending.id)).toEqual(captured)
    expect(await store.replace(changed(pending, { status: 'declined' }))).toBe(false)
    expect(await store.replace(changed(payment(), { status: 'declined' }))).toBe(false)
    expect(await store.byId(pending.id)).toEqual(captured)
  })

  test('of fifty changes to one version one wins', async () => {
    const pending = payment()
    await store.claim(pending)
    const outcomes = await Promise.all(
      Array.from({ length: 50 }, (_, i) => store.replace(changed(pending, { askedAt: i }))),
    )
    expect(outcomes.filter(Boolean)).toHaveLength(1)
    expect((await store.byId(pending.id))?.askedAt).toBe(outcomes.indexOf(true))
  })

  test('lists a day, newest first, page by page', async () => {
    const at = (ms: number): Payment => payment(randomUUID(), Date.UTC(2020, 1, 29) + ms)
    const day = [at(0), at(1), at(1), at(50_000), at(86_399_999)]
    for (const one of [...day, at(-1), at(86_400_000)]) await store.claim(one)
    const wanted = { day: '2020-02-29', limit: 2 }
    await until(async () => (await store.list({ ...wanted, limit: 9 })).length === 5, 'the list')
    const pages = [await store.list(wanted)]
    while (pages.at(-1)?.length === 2)
      pages.push(await store.list({ ...wanted, after: pages.at(-1)?.at(-1)?.id }))
    const listed = pages.flat()
    expect(new Set(listed.map((one) => one.id))).toEqual(new Set(day.map((one) => one.id)))
    expect(listed.map((one) => one.createdAt)).toEqual(
      day
        .map((one) => one.createdAt)
        .toSorted()
        .toReversed(),
    )
    expect(await store.list({ ...wanted, day: '2020-03-02' })).toEqual([])
    expect(await store.list({ ...wanted, after: paymentIdOf('unknown') })).toEqual([])
  })
}
