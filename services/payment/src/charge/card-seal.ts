import type { KeyObject } from 'node:crypto'
import { deriveKey, Keyring } from '@countersign/ground/seal'
import type { Card } from '../domain/card.ts'

/** Goes into the audit event of a charge. */
export const CARD_SEALING = 'cardNumber sealed AES-256-GCM'

/**
 * Seals cards at rest. An envelope opens for its own payment only: its table, payment and field are
 * authenticated with it, so one that is moved to another row is refused.
 */
export interface CardSeal {
  seal(paymentId: string, card: Card): string
  /** Throws `SealError` where the envelope is not of this payment. */
  open(paymentId: string, sealedCard: string): Card
}

/** `table` is part of what an envelope is bound to. */
export function createCardSeal(master: KeyObject, table: string): CardSeal {
  const keyring = new Keyring(deriveKey(master, 'payment fields'))
  const place = (paymentId: string): string => `${table} ${paymentId} card`
  return {
    seal: (paymentId, card) => keyring.seal(JSON.stringify(card), place(paymentId)),
    open(paymentId, sealedCard) {
      const { number, expiry, holder } = JSON.parse(
        keyring.open(sealedCard, place(paymentId)).toString('utf8'),
      )
      return { number, expiry, holder }
    },
  }
}
