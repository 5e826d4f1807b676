import { createHash } from 'node:crypto'

/*
 * The life of a payment:
 *
 *   (nothing) ──charge──▶ pending ──▶ captured ──refund──▶ refunded
 *       │                    └──────▶ declined
 *       └──settle──▶ void
 *
 * `pending` is written before the processor is asked. `void` is written where an order asks what became of a
 * charge that never came: after it none can come any more. Each step is a conditional write on the version.
 */
type PaymentStatus = 'pending' | 'captured' | 'declined' | 'refunded' | 'void'

export interface Payment {
  readonly id: string
  readonly orderId: string
  /** Who pays; `null` in a void payment. */
  readonly personId: string | null
  readonly status: PaymentStatus
  readonly amountMinor: number
  /** ISO 4217. */
  readonly currency: string
  /** Sealed for this payment: the card as JSON. `null` in a void payment. */
  readonly sealedCard: string | null
  readonly maskedCard: string
  /** Goes up by one with each change. */
  readonly version: number
  /** RFC 3339, UTC. */
  readonly createdAt: string
  /** When the processor was asked last, in milliseconds since 1970. */
  readonly askedAt: number
}

/**
 * The id of the payment of an order. It follows from the order's id, so an order has one payment, and one
 * conditional write decides between two charges that meet. A UUID of version 8 (RFC 9562, section 5.8).
 */
export function paymentIdOf(orderId: string): string {
  const bytes = createHash('sha256').update(`countersign payment of order\0${orderId}`).digest()
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex', 0, 16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-')
}

export type NewPayment = Pick<
  Payment,
  'orderId' | 'personId' | 'amountMinor' | 'currency' | 'sealedCard' | 'maskedCard'
>

/** A charge that is about to be put to the processor. */
export function pendingPayment(facts: NewPayment, now: number): Payment {
  return {
    ...facts,
    id: paymentIdOf(facts.orderId),
    status: 'pending',
    version: 1,
    createdAt: new Date(now).toISOString(),
    askedAt: now,
  }
}

/** Stands where no charge may come any more. */
export function voidPayment(orderId: string, now: number): Payment {
  const nothing = {
    personId: null,
    amountMinor: 0,
    currency: 'XXX',
    sealedCard: null,
    maskedCard: '',
  }
  return { ...pendingPayment({ orderId, ...nothing }, now), status: 'void' }
}

/** The next version of a payment. */
export function changed(
  payment: Payment,
  changes: Partial<Pick<Payment, 'status' | 'askedAt'>>,
): Payment {
  return { ...payment, ...changes, version: payment.version + 1 }
}

/** Whether nobody can be working on a pending charge any more. */
export function isAbandoned(payment: Payment, now: number, leaseMs: number): boolean {
  return payment.status === 'pending' && !(now < payment.askedAt + leaseMs)
}

/** What others may see of a payment. */
export function publicPayment(payment: Payment): PublicPayment {
  const { id, orderId, personId, status, amountMinor, currency, maskedCard, createdAt } = payment
  return { id, orderId, personId, status, amountMinor, currency, maskedCard, createdAt }
}
export type PublicPayment = Omit<Payment, 'sealedCard' | 'version' | 'askedAt'>
