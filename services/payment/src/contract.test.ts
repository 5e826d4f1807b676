import { describe, matrix } from '@countersign/contract'
import { expect, test } from 'vitest'
import { cardSchema, contract } from './contract.ts'

test('who may do what', () => {
  const lines = matrix([describe(contract)], ['admin', 'customer', 'support', 'auditor']).split(
    '\n',
  )
  expect(lines.map((line) => line.replaceAll(/ +/g, ' ')).join('\n')).toBe(
    `endpoint admin customer support auditor callers limit
payment.charge POST /payments yes yes - - order 100/second per person
payment.settle PUT /payments/for-order/:orderId open open open open order 1000/second per caller
payment.giveBack DELETE /payments/for-order/:orderId open open open open order 1000/second per caller
payment.ping GET /payments/ping yes yes yes yes order 1000000/second per caller
payment.list GET /payments yes - yes yes gateway 20/second per person
payment.read GET /payments/:id yes - yes - gateway 50/second per person
payment.refund POST /payments/:id/refund yes - yes - gateway 10/second per person
`,
  )
})

test('a card is read with spaces or dashes; a mistake is named and not quoted', () => {
  const card = { number: '4242 4242-4242 4242', expiry: '12/30', holder: 'A' }
  expect(cardSchema.parse(card).number).toBe('4242424242424242')
  for (const wrong of [
    { ...card, number: '4242424242424243' },
    { ...card, expiry: '13/30' },
    { ...card, holder: '' },
    { ...card, cvc: '123' },
  ]) {
    const read = cardSchema.safeParse(wrong)
    expect(read.success).toBe(false)
    expect(JSON.stringify(read.error?.issues)).not.toContain('4242')
  }
})
