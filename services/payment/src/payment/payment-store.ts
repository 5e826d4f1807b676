import type { Witness } from '@countersign/contract/platform'
import type { Payment } from '../domain/payment.ts'

/**
 * Keeps payments.
 * Promises: durable on return; of many claims of one id one succeeds, in whatever process they run; a replace
 * is atomic and happens only on the version it was made from. Safe to retry: a claim whose answer was lost
 * succeeds again, a replace whose answer was lost is of another version. Reads by id see every write before
 * them; a list may be a moment behind.
 */
export interface PaymentStore {
  /** Puts a payment where none of its id is. `undefined` where it did; otherwise the one that is there. */
  claim(payment: Payment): Promise<Payment | undefined>
  /** Puts `payment` in the place of its version `payment.version - 1`. False where that is not there. */
  replace(payment: Payment): Promise<boolean>
  byId(id: string): Promise<Payment | undefined>
  /** The payments of a day (`2026-11-20`, UTC), newest first, from after the payment `after` on; none where that is unknown. */
  list(page: {
    readonly day: string
    readonly limit: number
    readonly after?: string | undefined
  }): Promise<Payment[]>
  /** What the store said of itself, for the audit event. */
  readonly proof: Witness
  close(): Promise<void>
}
