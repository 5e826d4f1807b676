import { CARD_DIGITS_MAX, CARD_DIGITS_MIN } from '../limits.ts'

/** A payment card as the person gives it. It exists in memory and sealed, and nowhere else. */
export interface Card {
  /** Digits only. */
  readonly number: string
  /** `MM/YY`; good to the end of that month. */
  readonly expiry: string
  readonly holder: string
}

/** Whether a text is digits of the right count whose check digit is right: ISO/IEC 7812-1, annex B (Luhn). */
export function isCardNumber(text: string): boolean {
  if (!/^[0-9]+$/.test(text)) return false
  if (text.length < CARD_DIGITS_MIN || text.length > CARD_DIGITS_MAX) return false
  let sum = 0
  for (const [i, digit] of [...text].reverse().entries()) {
    const value = Number(digit) * (i % 2 === 0 ? 1 : 2)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

/** What may be shown of a card number. The length is not among it. */
export function maskedCard(number: string): string {
  return `**** **** **** ${number.slice(-4)}`
}

/** Whether a card is past its month. `now` in milliseconds; months end everywhere on earth, so twelve hours are added. */
export function isExpired(expiry: string, now: number): boolean {
  const [month = 0, year = 0] = expiry.split('/').map(Number)
  return now >= Date.UTC(2000 + year, month, 1, 12)
}
