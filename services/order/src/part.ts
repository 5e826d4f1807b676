import { createReadCache } from '@countersign/ground/store'
import { contract as payment } from '@countersign/payment/contract'
import type { Built, Env, Part, Workload } from '@countersign/service'
import { settings } from './config/settings.ts'
import { contract } from './contract.ts'
import type { Order } from './domain/order.ts'
import { cacheGroups, handlers } from './handlers/index.ts'
import { CACHE_MS_MAX } from './limits.ts'
import { openPostgresOrderStore } from './order/order-store-postgres.ts'
import { Desk } from './placing/desk.ts'
import { startSettling } from './placing/settling.ts'

/** The order service: what people have ordered, and what became of it. */
export const part: Part = {
  name: 'order',
  async create(workload: Workload, env: Env): Promise<Built> {
    const s = settings(env)
    const { log } = workload
    const now = Date.now
    const [store, cache] = await Promise.all([
      openPostgresOrderStore({ url: s.ORDER_DATABASE_URL, ca: s.ORDER_DATABASE_CA, log }),
      createReadCache({
        ttlMs: CACHE_MS_MAX,
        prefix: 'order:',
        socketPath: s.ORDER_REDIS_SOCKET,
        url: s.ORDER_REDIS_URL,
        username: s.ORDER_REDIS_USERNAME,
        password: s.ORDER_REDIS_PASSWORD,
        log,
      }),
    ])
    const desk = new Desk({ store, now, onChange: (order) => cache.forget(cacheGroups(order)) })
    const payments = (workload as Workload<'order'>).call(payment)
    const settle = (order: Order): Promise<void> => desk.settle(payments, order)
    const settling = startSettling({ store, settle, now, log })
    return {
      contract,
      // Checked against the contract in handlers/; a part holds the handlers of any contract.
      handlers: handlers({ store, cache, desk }),
      drain: () => settling.close(),
      async close() {
        await settling.close()
        await Promise.all([store.close(), cache.close()])
      },
    }
  },
}
