import { masterKeyFrom } from '@countersign/ground/seal'
import { createReadCache } from '@countersign/ground/store'
import type { Built, Env, Part, Workload } from '@countersign/service'
import { createCardSeal } from './charge/card-seal.ts'
import { Till } from './charge/till.ts'
import { settings } from './config/settings.ts'
import { contract } from './contract.ts'
import { cacheGroup, handlers } from './handlers/index.ts'
import { CACHE_MS_MAX } from './limits.ts'
import { openDynamoPaymentStore } from './payment/payment-store-dynamo.ts'
import { createDemoProcessor } from './processor/demo-processor.ts'

/** The payment service: the one place that sees a card, and where money moves. */
export const part: Part = {
  name: 'payment',
  async create({ log }: Workload, env: Env): Promise<Built> {
    const s = settings(env)
    const cards = createCardSeal(masterKeyFrom(env), s.PAYMENT_DYNAMO_TABLE)
    const [store, cache] = await Promise.all([
      openDynamoPaymentStore({
        socketPath: s.PAYMENT_DYNAMO_SOCKET,
        endpoint: s.PAYMENT_DYNAMO_ENDPOINT,
        region: s.PAYMENT_DYNAMO_REGION,
        table: s.PAYMENT_DYNAMO_TABLE,
      }),
      createReadCache({
        ttlMs: CACHE_MS_MAX,
        prefix: 'payment:',
        socketPath: s.PAYMENT_REDIS_SOCKET,
        url: s.PAYMENT_REDIS_URL,
        username: s.PAYMENT_REDIS_USERNAME,
        password: s.PAYMENT_REDIS_PASSWORD,
        log,
      }),
    ])
    const processor = createDemoProcessor(Date.now)
    const onChange = ({ id }: { id: string }): Promise<void> => cache.forget([cacheGroup(id)])
    const till = new Till({ store, processor, cards, now: Date.now, onChange })
    log.info({ processor: processor.name }, 'cards are charged by')
    return {
      contract,
      // Checked against the contract in handlers/; a part holds the handlers of any contract.
      handlers: handlers({ store, cache, till, now: Date.now }),
      async close() {
        await Promise.all([store.close(), cache.close()])
      },
    }
  },
}
