import type { Card } from '../domain/card.ts'

interface Capture {
  /** The payment's id. */
  readonly reference: string
  readonly card: Card
  readonly amountMinor: number
  readonly currency: string
}

/**
 * The acquirer that moves the money.
 * Promises: idempotent by `reference` - however often a capture or refund is asked for, money moves once and
 * the answer is the same; a refund of what was not captured is no error. Rejects where the answer is not known;
 * then it is safe to ask again.
 */
export interface Processor {
  readonly name: string
  capture(wanted: Capture): Promise<'captured' | 'declined'>
  refund(reference: string): Promise<void>
}
