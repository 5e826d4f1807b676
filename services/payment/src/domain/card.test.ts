import { expect, test } from 'vitest'
import { isCardNumber, isExpired, maskedCard } from './card.ts'

test.each([
  ['4242424242424242', true],
  ['4000000000000002', true],
  ['378282246310005', true],
  ['6304000000000000', true],
  ['4242424242424241', false],
  ['4242424242424224', false],
  ['42424242424', false],
  ['42424242424242424242', false],
  ['', false],
  ['4242 4242 4242 4242', false],
  ['٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢', false],
])('%j is a card number: %s', (text, is) => expect(isCardNumber(text)).toBe(is))

test('shows the last four digits, and not how many there are', () => {
  expect(maskedCard('378282246310005')).toBe('**** **** **** 0005')
})

test('a card is good to the end of its month, wherever on earth', () => {
  expect(isExpired('11/26', Date.UTC(2026, 11, 1, 11, 59))).toBe(false)
  expect(isExpired('11/26', Date.UTC(2026, 11, 1, 12))).toBe(true)
  expect(isExpired('12/26', Date.UTC(2027, 0, 1))).toBe(false)
  expect(isExpired('12/26', Date.UTC(2027, 0, 2))).toBe(true)
})
