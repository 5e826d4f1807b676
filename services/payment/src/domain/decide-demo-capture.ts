import { type Card, isExpired } from './card.ts'

/*
 * Test card numbers, as acquirers document them. All other valid numbers are captured.
 * - 4000000000000002: declined
 * - 4000000000009995: declined, insufficient funds
 * A card past its month is declined whatever its number.
 */
const DECLINED_NUMBERS: readonly string[] = ['4000000000000002', '4000000000009995']

/** What the demo's acquirer says to a card. */
export function decideDemoCapture(card: Card, now: number): 'captured' | 'declined' {
  return DECLINED_NUMBERS.includes(card.number) || isExpired(card.expiry, now)
    ? 'declined'
    : 'captured'
}
