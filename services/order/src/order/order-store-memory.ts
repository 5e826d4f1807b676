import type { Permit } from '@countersign/layers'
import type { Order } from '../domain/order.ts'
import { visibleTo } from '../domain/visible-to.ts'
import type { OrderStore } from './order-store.ts'

/** Orders in the memory of this process. For tests and for trying things out. */
export function createMemoryOrderStore(): OrderStore {
  const orders = new Map<string, Order>()
  const all = (): Order[] => [...orders.values()]
  function seen(permit: Permit): Order[] {
    const sight = visibleTo(permit)
    return all().filter((order) => sight.of === 'all' || order.personId === sight.personId)
  }
  const underKey = ({ personId, idempotencyKey }: Order): Order | undefined =>
    idempotencyKey === null
      ? undefined
      : all().find((one) => one.personId === personId && one.idempotencyKey === idempotencyKey)

  return {
    proof: { hop: 'database', engine: 'memory', transport: 'none' },
    async insert(order) {
      const found = underKey(order)
      if (found === undefined) orders.set(order.id, order)
      return found
    },
    async replace(order) {
      if (orders.get(order.id)?.version !== order.version - 1) return false
      orders.set(order.id, order)
      return true
    },
    async byId(permit, id) {
      return seen(permit).find((order) => order.id === id)
    },
    async list(permit, { limit, after }) {
      const key = (order: Order): string => `${order.placedAt} ${order.id}`
      const sorted = seen(permit).sort((a, b) => (key(a) < key(b) ? 1 : -1))
      const start = after === undefined ? 0 : sorted.findIndex((order) => order.id === after) + 1
      return after !== undefined && start === 0 ? [] : sorted.slice(start, start + limit)
    },
    async unfinished(changedBefore, limit) {
      return all()
        .filter((order) => order.status === 'placing' || order.status === 'cancelling')
        .filter((order) => Date.parse(order.changedAt) < changedBefore)
        .sort((a, b) => (a.changedAt < b.changedAt ? -1 : 1))
        .slice(0, limit)
    },
    async close() {
      orders.clear()
    },
  }
}
