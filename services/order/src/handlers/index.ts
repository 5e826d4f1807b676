import { randomUUID } from 'node:crypto'
import type { Handlers } from '@countersign/contract'
import { isUuid, type ReadCache } from '@countersign/ground/store'
import { Refusal } from '@countersign/layers'
import { contract as payment } from '@countersign/payment/contract'
import type { Context } from '@countersign/service'
import type { contract } from '../contract.ts'
import { type Order, publicOrder } from '../domain/order.ts'
import { visibleTo } from '../domain/visible-to.ts'
import type { OrderStore } from '../order/order-store.ts'
import { type Desk, notFound } from '../placing/desk.ts'

export interface Parts {
  readonly store: OrderStore
  readonly cache: ReadCache
  readonly desk: Desk
}
export type OrderContext = Context<'order'>
export type OrderHandlers = Handlers<typeof contract, OrderContext>

/** What the cache must forget when an order has changed. */
export const cacheGroups = ({ id, personId }: Pick<Order, 'id' | 'personId'>): string[] => [
  `order:${id}`,
  `owner:${personId}`,
]

/** All handlers of the order contract. */
export function handlers(parts: Parts): OrderHandlers {
  return { ...reading(parts), ...changing(parts) }
}

type Reading = Pick<OrderHandlers, 'list' | 'read'>

/** Own orders come from the cache where they can; the key says who may see what lies there. */
function reading({ store, cache }: Parts): Reading {
  return {
    async list({ permit, query, witness }) {
      const { limit, after } = query
      const sight = visibleTo(permit)
      const cached = through(cache, witness, store)
      const load = async () => pageOf(await store.list(permit, { limit: limit + 1, after }), limit)
      if (sight.of === 'all') return cached.past(load)
      return cached.read({ group: `owner:${sight.personId}`, key: `${limit} ${after ?? ''}` }, load)
    },
    async read({ permit, params, witness }) {
      const sight = visibleTo(permit)
      // An id that no order has leaves no trace in the cache.
      if (!isUuid(params.id)) throw notFound()
      const key = sight.of === 'all' ? 'all' : `own ${sight.personId}`
      const slot = { group: `order:${params.id}`, key }
      const order = await through(cache, witness, store).read(slot, async () => {
        const found = await store.byId(permit, params.id)
        return found === undefined ? undefined : publicOrder(found)
      })
      if (order === undefined) throw notFound()
      return order
    },
  }
}

type Changing = Pick<OrderHandlers, 'place' | 'cancel' | 'ship' | 'ping'>

function changing({ store, desk }: Parts): Changing {
  return {
    async place({ permit, body, call, idempotencyKey = null, witness }) {
      const { items, currency, card } = body
      const personId = ownerOf(permit)
      const facts = { id: randomUUID(), personId, items, currency, idempotencyKey }
      witness(store.proof)
      const order = await desk.place({ permit, payments: call(payment) }, facts, card)
      const { id, status, totalMinor, paymentId, placedAt } = order
      return { id, status, totalMinor, currency, paymentId, placedAt }
    },
    async cancel({ permit, params, call, witness }) {
      witness(store.proof)
      return publicOrder(await desk.cancel({ permit, payments: call(payment) }, params.id))
    },
    async ship({ permit, params, witness }) {
      witness(store.proof)
      return publicOrder(await desk.ship(permit, params.id))
    },
    ping: ({ call }) => call(payment).ping(),
  }
}

function pageOf(found: readonly Order[], limit: number) {
  const orders = found.slice(0, limit).map(publicOrder)
  return { orders, next: found.length > limit ? (orders.at(-1)?.id ?? null) : null }
}

/** Reads with a note in the audit event of who answered: the database, or the cache before it. */
function through(cache: ReadCache, witness: OrderContext['witness'], store: OrderStore) {
  return {
    async past<T>(load: () => Promise<T>): Promise<T> {
      witness(store.proof)
      return load()
    },
    async read<T>(slot: Parameters<ReadCache['read']>[0], load: () => Promise<T>): Promise<T> {
      let seen: Parameters<OrderContext['witness']>[0] = { hop: 'cache', engine: cache.engine }
      const value = await cache.read(slot, () => {
        seen = store.proof
        return load()
      })
      witness(seen)
      return value
    },
  }
}

function ownerOf({ person }: OrderContext['permit']): string {
  if (person === undefined) throw new Refusal('TOKEN_MISSING', { rule: 'an order has an owner' })
  return person.id
}
