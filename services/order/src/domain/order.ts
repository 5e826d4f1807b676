import { createHash } from 'node:crypto'

/*
 * The life of an order:
 *
 *   placing ──▶ paid ──▶ shipped
 *      │          └────▶ cancelling ──▶ cancelled
 *      ├──▶ declined
 *      └──▶ failed
 *
 * `placing` and `cancelling` are written before the payment service is asked, so a crash never loses what was
 * under way: whoever finds them afterwards can ask payment what became of it.
 */
export type OrderStatus =
  | 'placing'
  | 'paid'
  | 'declined'
  | 'failed'
  | 'shipped'
  | 'cancelling'
  | 'cancelled'

export interface OrderItem {
  readonly sku: string
  readonly quantity: number
  readonly unitPriceMinor: number
}
export interface Order {
  /** UUID. */
  readonly id: string
  readonly personId: string
  readonly status: OrderStatus
  readonly items: readonly OrderItem[]
  readonly totalMinor: number
  /** ISO 4217. */
  readonly currency: string
  readonly paymentId: string | null
  readonly idempotencyKey: string | null
  /** Tells a repetition from another request under the same key. */
  readonly fingerprint: string
  /** Goes up by one with each change. */
  readonly version: number
  /** RFC 3339, UTC. */
  readonly placedAt: string
  readonly changedAt: string
}

export type NewOrder = Pick<Order, 'id' | 'personId' | 'items' | 'currency' | 'idempotencyKey'>

/** An order that is about to be charged. */
export function newOrder(facts: NewOrder, now: number): Order {
  const at = new Date(now).toISOString()
  return {
    ...facts,
    status: 'placing',
    totalMinor: totalOf(facts.items),
    paymentId: null,
    fingerprint: fingerprintOf(facts),
    version: 1,
    placedAt: at,
    changedAt: at,
  }
}

export function totalOf(items: readonly OrderItem[]): number {
  return items.reduce((sum, item) => sum + item.quantity * item.unitPriceMinor, 0)
}

/** Without the card: a hash of a card number would give the number away. Payment compares the card itself. */
function fingerprintOf({ items, currency }: NewOrder): string {
  const said = [currency, ...items.map((item) => [item.sku, item.quantity, item.unitPriceMinor])]
  return createHash('sha256').update(JSON.stringify(said)).digest('hex')
}

const NEXT: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  placing: ['paid', 'declined', 'failed'],
  paid: ['shipped', 'cancelling'],
  declined: [],
  failed: [],
  shipped: [],
  cancelling: ['cancelled'],
  cancelled: [],
}

/** The next version of an order; `undefined` where it cannot get there from where it is. */
export function moved(
  order: Order,
  to: { readonly status: OrderStatus; readonly paymentId?: string | null },
  now: number,
): Order | undefined {
  if (!NEXT[order.status].includes(to.status)) return undefined
  return {
    ...order,
    status: to.status,
    paymentId: to.paymentId ?? order.paymentId,
    version: order.version + 1,
    changedAt: new Date(now).toISOString(),
  }
}

/** What the people who may see an order see of it. */
export function publicOrder(order: Order): PublicOrder {
  const { id, personId, status, items, totalMinor, currency, paymentId, placedAt } = order
  return { id, personId, status, items: [...items], totalMinor, currency, paymentId, placedAt }
}
export type PublicOrder = Pick<
  Order,
  'id' | 'personId' | 'status' | 'totalMinor' | 'currency' | 'paymentId' | 'placedAt'
> & { readonly items: OrderItem[] }
