import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import { until } from '@countersign/ground/testkit'
import { beforeEach, describe, expect, test } from 'vitest'
import { pendingPayment, type Payment, paymentIdOf } from '../domain/payment.ts'
import type { PaymentStore } from '../payment/payment-store.ts'
import { createMemoryPaymentStore } from '../payment/payment-store-memory.ts'
import { createDemoProcessor } from '../processor/demo-processor.ts'
import type { Processor } from '../processor/processor.ts'
import { createCardSeal } from './card-seal.ts'
import { type Charge, Till } from './till.ts'

const START = Date.UTC(2026, 10, 20)
const card = { number: '4242424242424242', expiry: '12/30', holder: 'A Person' }
const cards = createCardSeal(createSecretKey(randomBytes(32)), 'payments')
let now: number
let store: PaymentStore
let asked: string[]
let changes: Payment[]

/** The demo's processor, with a note of what it was asked and a way to fail first. */
function till(fail?: () => Promise<never> | undefined): Till {
  const demo = createDemoProcessor(() => now)
  const processor: Processor = {
    name: 'noted',
    async capture(wanted) {
      asked.push(`capture ${wanted.reference}`)
      await fail?.()
      return demo.capture(wanted)
    },
    async refund(reference) {
      asked.push(`refund ${reference}`)
      await fail?.()
    },
  }
  const onChange = async (payment: Payment): Promise<void> => void changes.push(payment)
  return new Till({ store, processor, cards, now: () => now, onChange })
}
const charge = (changes: Partial<Charge> = {}): Charge => ({
  orderId: randomUUID(),
  personId: 'someone',
  amountMinor: 999,
  currency: 'EUR',
  card,
  ...changes,
})

beforeEach(() => {
  now = START
  store = createMemoryPaymentStore()
  asked = []
  changes = []
})

describe('charging', () => {
  test('captures once, keeps the card sealed, and tells of the change', async () => {
    const wanted = charge()
    const payment = await till().charge(wanted)
    expect(payment).toMatchObject({
      id: paymentIdOf(wanted.orderId),
      status: 'captured',
      maskedCard: '**** **** **** 4242',
    })
    expect(JSON.stringify(payment)).not.toContain(card.number)
    expect(cards.open(payment.id, payment.sealedCard ?? '')).toEqual(card)
    expect(changes).toEqual([payment])
  })

  test('the documented numbers are declined', async () => {
    for (const number of ['4000000000000002', '4000000000009995'])
      expect((await till().charge(charge({ card: { ...card, number } }))).status).toBe('declined')
    const expired = charge({ card: { ...card, expiry: '10/26' } })
    expect((await till().charge(expired)).status).toBe('declined')
  })

  test('the same charge again gives the first result and asks nobody', async () => {
    const wanted = charge()
    const first = await till().charge(wanted)
    expect(await till().charge(wanted)).toEqual(first)
    expect(asked).toHaveLength(1)
  })

  test('fifty at one time are one capture', async () => {
    const wanted = charge()
    const one = till()
    const payments = await Promise.all(Array.from({ length: 50 }, () => one.charge(wanted)))
    expect(new Set(payments.map((payment) => payment.status))).toEqual(new Set(['captured']))
    expect(asked).toHaveLength(1)
  })

  test('the same order with anything else is a conflict', async () => {
    const wanted = charge()
    await till().charge(wanted)
    const others: Partial<Charge>[] = [
      { amountMinor: 998 },
      { currency: 'USD' },
      { personId: 'somebody else' },
      { card: { ...card, number: '378282246310005' } },
      { card: { ...card, holder: 'B Person' } },
    ]
    for (const other of others)
      await expect(till().charge({ ...wanted, ...other })).rejects.toMatchObject({
        code: 'CONFLICT',
      })
  })

  test('an envelope that was moved from another payment does not open', async () => {
    const [mine, other] = [charge(), charge()]
    const stolen = await till().charge(other)
    const id = paymentIdOf(mine.orderId)
    await store.claim({ ...pendingPayment({ ...mine, ...stolen }, START), id })
    await expect(till().charge(mine)).rejects.toMatchObject({ code: 'NOT_AUTHENTIC' })
  })
})

describe('a charge that was cut off', () => {
  test('stays pending when the processor is silent, and goes on where it was asked again', async () => {
    const wanted = charge()
    const silent = till(() => Promise.reject(new Error('connection reset')))
    await expect(silent.charge(wanted)).rejects.toMatchObject({ code: 'UPSTREAM_FAILED' })
    expect((await store.byId(paymentIdOf(wanted.orderId)))?.status).toBe('pending')
    now += 5_000
    expect((await till().charge(wanted)).status).toBe('captured')
    const reference = `capture ${paymentIdOf(wanted.orderId)}`
    expect(asked).toEqual([reference, reference])
  })

  test('is settled without the person: the sealed card is enough', async () => {
    const wanted = charge()
    await till(() => Promise.reject(new Error('crash')))
      .charge(wanted)
      .catch(() => {})
    now += 5_000
    expect((await till().settle(wanted.orderId)).status).toBe('captured')
  })

  test('before its lease is over it is left to who began it', async () => {
    const wanted = charge()
    await till(() => Promise.reject(new Error('crash')))
      .charge(wanted)
      .catch(() => {})
    const settling = till().settle(wanted.orderId)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(asked).toHaveLength(1)
    now += 5_000
    expect((await settling).status).toBe('captured')
  })

  test('one who was slow finds what the other has written', async () => {
    const wanted = charge()
    const gate = Promise.withResolvers<void>()
    const slow = till(() => gate.promise as Promise<never>).charge(wanted)
    await until(() => asked.length === 1, 'it has begun')
    now += 5_000
    const fast = await till().charge(wanted)
    gate.resolve()
    expect(await slow).toEqual(fast)
    expect(changes.map((change) => change.version)).toEqual([2, 3])
  })
})

describe('settling', () => {
  test('tells what became of a charge', async () => {
    const wanted = charge()
    const payment = await till().charge(wanted)
    expect(await till().settle(wanted.orderId)).toEqual(payment)
  })

  test('after it has said that there was none, none can come', async () => {
    const wanted = charge()
    expect((await till().settle(wanted.orderId)).status).toBe('void')
    await expect(till().charge(wanted)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect((await till().settle(wanted.orderId)).status).toBe('void')
    expect(asked).toEqual([])
  })

  test('of a charge and a settling that meet one wins, and both know', async () => {
    for (let i = 0; i < 20; i++) {
      const wanted = charge()
      const one = till()
      const [charged, settled] = await Promise.allSettled(
        i % 2 === 0
          ? [one.charge(wanted), one.settle(wanted.orderId)]
          : [one.settle(wanted.orderId), one.charge(wanted)].toReversed(),
      )
      const outcome = settled?.status === 'fulfilled' ? settled.value.status : 'failed'
      expect(outcome).toBe(charged?.status === 'fulfilled' ? 'captured' : 'void')
    }
  })
})

describe('refunding', () => {
  test('gives captured money back, once', async () => {
    const { id } = await till().charge(charge())
    const refunded = await till().refund(id)
    expect(refunded).toMatchObject({ status: 'refunded' })
    expect(await till().refund(id)).toEqual(refunded)
    expect(asked.filter((each) => each.startsWith('refund'))).toHaveLength(1)
  })

  test('where nothing was captured there is nothing to give back', async () => {
    const declined = await till().charge(charge({ card: { ...card, number: '4000000000000002' } }))
    expect((await till().refund(declined.id))?.status).toBe('declined')
    expect(await till().refund(paymentIdOf('unknown'))).toBeUndefined()
    expect(asked.filter((each) => each.startsWith('refund'))).toEqual([])
  })
})
