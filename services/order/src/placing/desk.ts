import type { Client } from '@countersign/contract'
import type { Permit } from '@countersign/layers'
import { Refusal } from '@countersign/layers'
import type { contract as payment } from '@countersign/payment/contract'
import { moved, type NewOrder, newOrder, type Order, type OrderStatus } from '../domain/order.ts'
import { CHANGE_TRIES_MAX } from '../limits.ts'
import type { OrderStore } from '../order/order-store.ts'

export type Payments = Client<typeof payment, 'order'>
export type Card = Parameters<Payments['charge']>[0]['body']['card']

export interface DeskParts {
  readonly store: OrderStore
  readonly now: () => number
  /** Told after each change of an order. */
  readonly onChange: (order: Order) => Promise<void>
}
/** Who asks, and payment as they may call it. */
export interface Asker {
  readonly permit: Permit
  readonly payments: Payments
}

/*
 * How an order moves. Each step that asks payment is written before and after:
 *
 *   insert `placing` ──▶ charge ──▶ write `paid` or `declined`
 *   write `cancelling` ──▶ give the money back ──▶ write `cancelled`
 *
 * A crash is safe at each arrow. The order's id is the idempotency key at payment, so to ask again is always
 * right, and whoever finds an open order - a repetition by the customer, or settling - takes it to its end.
 * Only payment's word ends an order: an error of ours never does, for the money may have moved.
 */
export class Desk {
  readonly #parts: DeskParts
  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  /** Places an order and pays it. Under the same idempotency key the first order comes back, taken further if it is open. */
  async place(asker: Asker, facts: NewOrder, card: Card): Promise<Order> {
    const { store, now, onChange } = this.#parts
    const fresh = newOrder(facts, now())
    const found = await store.insert(fresh)
    if (found === undefined) await onChange(fresh)
    else if (found.fingerprint !== fresh.fingerprint) throw otherRequest()
    const order = found ?? fresh
    return order.status === 'placing' ? this.#charge(asker, order, card) : order
  }

  /** Cancels a paid order and gives the money back. Where payment is away the order stays `cancelling` until it is settled. */
  async cancel({ permit, payments }: Asker, id: string): Promise<Order> {
    const order = await this.#bring(permit, id, ['cancelling', 'cancelled'])
    return order.status === 'cancelling' ? this.#giveBack(payments, order) : order
  }

  ship(permit: Permit, id: string): Promise<Order> {
    return this.#bring(permit, id, ['shipped'])
  }

  /** Takes an order that was left open to its end, without anybody's card or token. */
  async settle(payments: Payments, order: Order): Promise<void> {
    if (order.status === 'cancelling') {
      await this.#giveBack(payments, order)
      return
    }
    const params = { orderId: order.id }
    const { outcome, paymentId } = await payments.settle({ params })
    // `refunded`: support gave the money back before we knew that it had come.
    const paid = outcome === 'captured' || outcome === 'refunded'
    const status = paid ? 'paid' : outcome === 'declined' ? 'declined' : 'failed'
    await this.#move(order, { status, paymentId })
  }

  async #charge({ permit, payments }: Asker, order: Order, card: Card): Promise<Order> {
    const { id: orderId, totalMinor: amountMinor, currency } = order
    const body = { orderId, amountMinor, currency, card }
    const { status, paymentId } = await payments
      .charge({ body }, { idempotencyKey: orderId })
      .catch((error: unknown) => {
        throw asConflict(error)
      })
    const to = { status: status === 'captured' ? 'paid' : 'declined', paymentId } as const
    return (await this.#move(order, to)) ?? this.#seen(permit, orderId)
  }

  async #giveBack(payments: Payments, order: Order): Promise<Order> {
    await payments.giveBack({ params: { orderId: order.id } })
    return (await this.#move(order, { status: 'cancelled' })) ?? order
  }

  /** Brings an order to the first of `wanted`, unless it is at one of them already. */
  async #bring(permit: Permit, id: string, wanted: readonly OrderStatus[]): Promise<Order> {
    const [status = 'failed'] = wanted
    for (let tries = 0; tries < CHANGE_TRIES_MAX; tries++) {
      const order = await this.#seen(permit, id)
      if (wanted.includes(order.status)) return order
      if (moved(order, { status }, 0) === undefined) throw notFrom(order.status, status)
      const next = await this.#move(order, { status })
      if (next !== undefined) return next
    }
    throw new Refusal('CONFLICT', { detail: 'The order is changing. Read it again.' })
  }

  /** Writes the next version; `undefined` where somebody else has written one. */
  async #move(
    order: Order,
    to: { status: OrderStatus; paymentId?: string | null },
  ): Promise<Order | undefined> {
    const { store, now, onChange } = this.#parts
    const next = moved(order, to, now())
    if (next === undefined || !(await store.replace(next))) return undefined
    await onChange(next)
    return next
  }

  async #seen(permit: Permit, id: string): Promise<Order> {
    const order = await this.#parts.store.byId(permit, id)
    if (order === undefined) throw notFound()
    return order
  }
}

/** Not there, or not theirs: one answer, so that nobody learns which ids exist. */
export const notFound = (): Refusal =>
  new Refusal('NOT_FOUND', { rule: 'no order of this id can be seen by this person' })

const otherRequest = (): Refusal =>
  new Refusal('CONFLICT', {
    detail: 'This Idempotency-Key was used before, with another order.',
    rule: 'an idempotency key goes with one request',
    remedy: 'repeat a request as it was, or use a new key',
  })
const notFrom = (from: OrderStatus, to: OrderStatus): Refusal =>
  new Refusal('CONFLICT', {
    detail: `An order that is ${from} cannot become ${to}.`,
    rule: 'the life of an order',
  })

/** A conflict at payment is the customer's to know: another card under the same key, or a charge that is under way. */
function asConflict(error: unknown): unknown {
  if (!(error instanceof Error && 'status' in error && error.status === 409)) return error
  return new Refusal('CONFLICT', {
    detail: 'The payment of this order conflicts with an earlier one, or is under way.',
    rule: error.message,
    headers: { 'retry-after': '1' },
    cause: error,
  })
}
