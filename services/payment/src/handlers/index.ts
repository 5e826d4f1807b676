import type { Handlers } from '@countersign/contract'
import { isUuid, type ReadCache } from '@countersign/ground/store'
import { Refusal } from '@countersign/layers'
import type { Context } from '@countersign/service'
import { CARD_SEALING } from '../charge/card-seal.ts'
import type { Till } from '../charge/till.ts'
import type { contract } from '../contract.ts'
import { type Payment, paymentIdOf, publicPayment } from '../domain/payment.ts'
import type { PaymentStore } from '../payment/payment-store.ts'

export interface Parts {
  readonly store: PaymentStore
  readonly cache: ReadCache
  readonly till: Till
  readonly now: () => number
}
export type PaymentContext = Context<'payment'>
export type PaymentHandlers = Handlers<typeof contract, PaymentContext>

export const cacheGroup = (id: string): string => `payment:${id}`

/** All handlers of the payment contract. */
export function handlers(parts: Parts): PaymentHandlers {
  return { ...forOrders(parts), ...forPeople(parts) }
}

type ForOrders = Pick<PaymentHandlers, 'charge' | 'settle' | 'giveBack' | 'ping'>

/** What the order service asks. */
function forOrders({ store, till }: Parts): ForOrders {
  return {
    async charge({ body, permit, idempotencyKey, witness }) {
      if (idempotencyKey !== body.orderId) throw keyMissing()
      const payment = await till.charge({ ...body, personId: permit.person?.id ?? null })
      witness({ ...store.proof, sealed: CARD_SEALING })
      if (payment.status !== 'captured' && payment.status !== 'declined') throw overBefore(payment)
      const { id: paymentId, status, maskedCard, amountMinor, currency } = payment
      return { paymentId, status, maskedCard, amountMinor, currency }
    },
    async settle({ params, witness }) {
      const { id, status } = await till.settle(params.orderId)
      witness(store.proof)
      if (status === 'pending') throw new Error('broken invariant: a settled charge has an outcome')
      return status === 'void'
        ? { outcome: 'none', paymentId: null }
        : { outcome: status, paymentId: id }
    },
    async giveBack({ params, witness }) {
      await till.refund(paymentIdOf(params.orderId))
      witness(store.proof)
    },
    ping: () => ({ pong: true }),
  }
}

type ForPeople = Pick<PaymentHandlers, 'list' | 'read' | 'refund'>

/** What the people of the shop ask. */
function forPeople({ store, cache, till, now }: Parts): ForPeople {
  return {
    async list({ query, witness }) {
      const day = query.day ?? new Date(now()).toISOString().slice(0, 10)
      const found = await store.list({ day, limit: query.limit + 1, after: query.after })
      witness(store.proof)
      const payments = found.slice(0, query.limit).map(publicPayment)
      return {
        payments,
        next: found.length > payments.length ? (payments.at(-1)?.id ?? null) : null,
      }
    },
    async read({ params, witness }) {
      // An id that no payment has leaves no trace in the cache.
      if (!isUuid(params.id)) throw notFound()
      let seen: Parameters<typeof witness>[0] = { hop: 'cache', engine: cache.engine }
      const slot = { group: cacheGroup(params.id), key: 'public' }
      const payment = await cache.read(slot, async () => {
        seen = store.proof
        const found = await store.byId(params.id)
        return found === undefined ? undefined : publicPayment(found)
      })
      witness(seen)
      if (payment === undefined) throw notFound()
      return payment
    },
    async refund({ params, witness }) {
      const payment = await till.refund(params.id)
      witness(store.proof)
      if (payment === undefined) throw notFound()
      if (payment.status !== 'refunded') throw nothingToRefund()
      return publicPayment(payment)
    },
  }
}

const notFound = (): Refusal => new Refusal('NOT_FOUND', { rule: 'no payment has this id' })
const nothingToRefund = (): Refusal =>
  new Refusal('CONFLICT', {
    detail: 'This payment holds no money that could go back.',
    rule: 'only captured payments are refunded',
  })
const keyMissing = (): Refusal =>
  new Refusal('REQUEST_INVALID', {
    detail: "Idempotency-Key is missing or is not the order's id.",
    rule: 'an order is charged under its own id',
  })
const overBefore = ({ status }: Payment): Refusal =>
  new Refusal('CONFLICT', {
    detail: 'This order can not be charged any more.',
    rule: `the payment of this order is ${status}`,
  })
