import { describe, matrix } from '@countersign/contract'
import { expect, test } from 'vitest'
import { contract } from './contract.ts'

test('who may do what', () => {
  const lines = matrix([describe(contract)], ['admin', 'customer', 'support', 'auditor']).split(
    '\n',
  )
  expect(lines.map((line) => line.replaceAll(/ +/g, ' ')).join('\n')).toBe(
    `endpoint admin customer support auditor callers limit
order.place POST /orders yes yes - - gateway 5/second 1000/hour per person
order.list GET /orders yes yes yes - gateway 50/second per person
order.read GET /orders/:id yes yes yes - gateway 50/second per person
order.cancel POST /orders/:id/cancel yes yes yes - gateway 5/second per person
order.ship POST /orders/:id/ship yes - yes - gateway 20/second per person
order.ping GET /orders/ping yes yes - - gateway 10000/second per person
`,
  )
})

test.each([
  ['no items', { items: [] }, 'items'],
  [
    'a price of nothing',
    { items: [{ sku: 'a', quantity: 1, unitPriceMinor: 0 }] },
    'items.0.unitPriceMinor',
  ],
  ['half a book', { items: [{ sku: 'a', quantity: 0.5, unitPriceMinor: 1 }] }, 'items.0.quantity'],
  [
    'a total past the greatest',
    { items: [{ sku: 'a', quantity: 1_000, unitPriceMinor: 100_001 }] },
    'items',
  ],
  [
    'a wrong check digit',
    { card: { number: '4242424242424241', expiry: '12/30', holder: 'A' } },
    'card.number',
  ],
  ['a field that is not declared', { personId: 'somebody' }, ''],
])('%s is refused, and the field is named', (_, change, field) => {
  const right = {
    items: [{ sku: 'a', quantity: 1, unitPriceMinor: 1 }],
    currency: 'EUR',
    card: { number: '4242424242424242', expiry: '12/30', holder: 'A' },
  }
  const { body } = contract.endpoints.place
  expect(body?.safeParse(right).success).toBe(true)
  const read = body?.safeParse({ ...right, ...change })
  expect(read?.error?.issues.map((issue) => issue.path.join('.'))).toContain(field)
})
