import { setTimeout as sleep } from 'node:timers/promises'
import { invariant } from '@countersign/ground/errors'
import { Refusal } from '@countersign/layers'
import { type Card, maskedCard } from '../domain/card.ts'
import { isSameCharge } from '../domain/is-same-charge.ts'
import {
  changed,
  isAbandoned,
  type Payment,
  paymentIdOf,
  pendingPayment,
  voidPayment,
} from '../domain/payment.ts'
import {
  CHANGE_TRIES_MAX,
  CHARGE_LEASE_MS,
  PROCESSOR_MS_MAX,
  REPEAT_LOOK_MS,
  REPEAT_WAIT_MS_MAX,
} from '../limits.ts'
import type { PaymentStore } from '../payment/payment-store.ts'
import type { Processor } from '../processor/processor.ts'
import type { CardSeal } from './card-seal.ts'

export interface Charge {
  readonly orderId: string
  readonly personId: string | null
  readonly amountMinor: number
  readonly currency: string
  readonly card: Card
}
export interface TillParts {
  readonly store: PaymentStore
  readonly processor: Processor
  readonly cards: CardSeal
  readonly now: () => number
  /** Told after each change of a payment. */
  readonly onChange: (payment: Payment) => Promise<void>
}

/*
 * Where money moves. Each step is written before and after it is taken:
 *
 *   claim `pending` ──▶ ask the processor ──▶ write the outcome
 *
 * A crash is safe at each arrow: the claim keeps others out; after the lease whoever asks next takes the
 * charge over, opens the sealed card and asks the processor again, who moves money once a reference.
 */
export class Till {
  readonly #parts: TillParts
  constructor(parts: TillParts) {
    this.#parts = parts
  }

  /** Charges an order once, however often it is asked to. Refusal CONFLICT where the order was charged otherwise before. */
  async charge(wanted: Charge): Promise<Payment> {
    const { store, cards, now } = this.#parts
    const { card, ...facts } = wanted
    const sealedCard = cards.seal(paymentIdOf(wanted.orderId), card)
    const masked = maskedCard(card.number)
    const payment = pendingPayment({ ...facts, sealedCard, maskedCard: masked }, now())
    const found = await store.claim(payment)
    if (found === undefined) return this.#finish(payment)
    const before = found.sealedCard === null ? undefined : cards.open(found.id, found.sealedCard)
    if (!isSameCharge(found, before, wanted)) throw chargedOtherwise()
    return this.#outcome(found)
  }

  /** What became of the charge of an order. Where there was none, none can come after this. */
  async settle(orderId: string): Promise<Payment> {
    const nothing = voidPayment(orderId, this.#parts.now())
    const found = await this.#parts.store.claim(nothing)
    return found === undefined ? nothing : this.#outcome(found)
  }

  /** Gives captured money back. `undefined` where there is no such payment; one that holds no money stays as it is. */
  async refund(id: string): Promise<Payment | undefined> {
    const { store, processor } = this.#parts
    for (let tries = 0; tries < CHANGE_TRIES_MAX; tries++) {
      const found = await store.byId(id)
      if (found === undefined) return undefined
      const payment = await this.#outcome(found)
      if (payment.status !== 'captured') return payment
      await asked(() => processor.refund(payment.id))
      const refunded = changed(payment, { status: 'refunded' })
      if (await this.#replace(refunded)) return refunded
    }
    throw busy()
  }

  /** Asks the processor and writes down what it says. */
  async #finish(pending: Payment): Promise<Payment> {
    const { processor, cards, store } = this.#parts
    invariant(pending.sealedCard !== null, 'a pending payment has a card')
    const card = cards.open(pending.id, pending.sealedCard)
    const { id: reference, amountMinor, currency } = pending
    const status = await asked(() => processor.capture({ reference, card, amountMinor, currency }))
    const finished = changed(pending, { status })
    if (await this.#replace(finished)) return finished
    // Somebody took the charge over meanwhile: the processor told them the same.
    const now = await store.byId(pending.id)
    invariant(now !== undefined, 'a payment does not vanish')
    return this.#outcome(now)
  }

  /** The outcome of a charge that somebody else began: waits for it, or takes it over when its time is up. */
  async #outcome(found: Payment): Promise<Payment> {
    const { store, now } = this.#parts
    const end = performance.now() + REPEAT_WAIT_MS_MAX
    let payment = found
    while (payment.status === 'pending') {
      if (isAbandoned(payment, now(), CHARGE_LEASE_MS)) {
        const mine = changed(payment, { askedAt: now() })
        if (await this.#replace(mine)) return this.#finish(mine)
      } else if (performance.now() > end) throw busy()
      else await sleep(REPEAT_LOOK_MS)
      payment = (await store.byId(payment.id)) ?? payment
    }
    return payment
  }

  async #replace(payment: Payment): Promise<boolean> {
    const done = await this.#parts.store.replace(payment)
    if (done) await this.#parts.onChange(payment)
    return done
  }
}

/** Asks the processor. Where its answer is not known, the payment stays pending and nothing is told to the card's owner. */
async function asked<T>(question: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), PROCESSOR_MS_MAX)
  })
  try {
    return await Promise.race([question(), late])
  } catch (cause) {
    throw new Refusal('UPSTREAM_FAILED', { rule: 'the card processor did not answer', cause })
  } finally {
    clearTimeout(timer)
  }
}

const busy = (): Refusal =>
  new Refusal('CONFLICT', {
    detail: 'This payment is being worked on. Ask again in a moment.',
    rule: 'one charge of an order at a time',
    headers: { 'retry-after': '1' },
  })
const chargedOtherwise = (): Refusal =>
  new Refusal('CONFLICT', {
    detail: 'This order was charged before, with other data.',
    rule: 'an idempotency key goes with one request',
    remedy: 'repeat a request as it was, or use a new key',
  })
