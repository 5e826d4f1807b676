import { isDeepStrictEqual } from 'node:util'
import type { Payment } from '../domain/payment.ts'
import type { PaymentStore } from './payment-store.ts'

/** Payments in the memory of this process. For tests and for trying things out. */
export function createMemoryPaymentStore(): PaymentStore {
  const payments = new Map<string, Payment>()
  return {
    proof: { hop: 'database', engine: 'memory', transport: 'none' },
    async claim(payment) {
      const found = payments.get(payment.id)
      if (found !== undefined) return isDeepStrictEqual(found, payment) ? undefined : found
      payments.set(payment.id, payment)
      return undefined
    },
    async replace(payment) {
      if (payments.get(payment.id)?.version !== payment.version - 1) return false
      payments.set(payment.id, payment)
      return true
    },
    async byId(id) {
      return payments.get(id)
    },
    async list({ day, limit, after }) {
      const order = (payment: Payment): string => `${payment.createdAt}#${payment.id}`
      const of = [...payments.values()]
        .filter((payment) => payment.createdAt.startsWith(day))
        .sort((a, b) => (order(a) < order(b) ? 1 : -1))
      const start = after === undefined ? 0 : of.findIndex((payment) => payment.id === after) + 1
      return after !== undefined && start === 0 ? [] : of.slice(start, start + limit)
    },
    async close() {
      payments.clear()
    },
  }
}
