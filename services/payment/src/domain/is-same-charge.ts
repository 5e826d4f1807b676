import { timingSafeEqual } from 'node:crypto'
import type { Card } from './card.ts'
import type { Payment } from './payment.ts'

/** Whether a charge repeats the one that a payment came from. `card` is the payment's own. */
export function isSameCharge(
  payment: Payment,
  card: Card | undefined,
  wanted: Pick<Payment, 'orderId' | 'personId' | 'amountMinor' | 'currency'> & {
    readonly card: Card
  },
): boolean {
  return (
    card !== undefined &&
    payment.orderId === wanted.orderId &&
    payment.personId === wanted.personId &&
    payment.amountMinor === wanted.amountMinor &&
    payment.currency === wanted.currency &&
    isSameCard(card, wanted.card)
  )
}

/** Takes the same time whichever digit differs. */
function isSameCard(a: Card, b: Card): boolean {
  const bytes = (card: Card): Buffer =>
    Buffer.from(JSON.stringify([card.number, card.expiry, card.holder]))
  const [left, right] = [bytes(a), bytes(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
