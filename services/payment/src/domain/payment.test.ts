import { isUuid } from '@countersign/ground/store'
import { expect, test } from 'vitest'
import { isAbandoned, paymentIdOf, pendingPayment, publicPayment } from './payment.ts'

const facts = {
  orderId: '8a0f9a64-1f3b-4b5c-9d0e-000000000001',
  personId: 'p',
  amountMinor: 1,
  currency: 'EUR',
  sealedCard: 'cs1.key.text',
  maskedCard: '**** 4242',
}

test('the id of a payment follows from the order, and is a UUID of version 8', () => {
  const id = paymentIdOf(facts.orderId)
  expect(id).toBe(paymentIdOf(facts.orderId))
  expect(id).not.toBe(paymentIdOf(`${facts.orderId}2`))
  expect(isUuid(id)).toBe(true)
  expect(id).toMatch(/^.{14}8.{4}[89ab]/)
})

test('a pending charge is abandoned when its lease is over, and when its time is no number', () => {
  const payment = pendingPayment(facts, 1_000)
  expect(isAbandoned(payment, 1_999, 1_000)).toBe(false)
  expect(isAbandoned(payment, 2_000, 1_000)).toBe(true)
  expect(isAbandoned({ ...payment, askedAt: Number.NaN }, 1_000, 1_000)).toBe(true)
  expect(isAbandoned({ ...payment, status: 'captured' }, 9_999, 1_000)).toBe(false)
})

test('nothing sealed is shown', () => {
  expect(JSON.stringify(publicPayment(pendingPayment(facts, 0)))).not.toContain('cs1')
})
