import type { Log } from '@countersign/ground/telemetry'
import type { Order } from '../domain/order.ts'
import {
  SETTLE_AFTER_MS,
  SETTLE_AT_ONCE_MAX,
  SETTLE_EVERY_MS,
  SETTLE_ORDERS_MAX,
} from '../limits.ts'
import type { OrderStore } from '../order/order-store.ts'

export interface SettlingParts {
  readonly store: Pick<OrderStore, 'unfinished'>
  /** Takes one order to its end. */
  readonly settle: (order: Order) => Promise<void>
  readonly now: () => number
  readonly log: Log
}

/**
 * One look at the orders that were left open, by a crash or because payment was away. Several instances may
 * look at one time: each step is a conditional write. What fails is tried again at the next look.
 */
export async function settleOnce({ store, settle, now, log }: SettlingParts): Promise<number> {
  const waiting = await store.unfinished(now() - SETTLE_AFTER_MS, SETTLE_ORDERS_MAX)
  let settled = 0
  const worker = async (): Promise<void> => {
    for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
      try {
        await settle(order)
        settled += 1
      } catch (error) {
        log.warn({ err: error, orderId: order.id }, 'an open order could not be settled yet')
      }
    }
  }
  await Promise.all(Array.from({ length: SETTLE_AT_ONCE_MAX }, worker))
  if (settled > 0) log.info({ settled }, 'settled orders that were left open')
  return settled
}

/** Looks now and then; `close` waits for the look that is under way. */
export function startSettling(parts: SettlingParts): { close(): Promise<void> } {
  let looking: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const look = (): void => {
    looking = settleOnce(parts)
      .then(() => {})
      .catch((error: unknown) => parts.log.warn({ err: error }, 'open orders could not be read'))
      .finally(() => {
        if (!closed) timer = setTimeout(look, SETTLE_EVERY_MS).unref()
      })
  }
  look()
  return {
    async close() {
      closed = true
      clearTimeout(timer)
      await looking
    },
  }
}
