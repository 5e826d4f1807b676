import { contract as declare, endpoint } from '@countersign/contract'
import { cardSchema, currencySchema } from '@countersign/payment/contract'
import { z } from 'zod'
import { totalOf } from './domain/order.ts'
import { ITEMS_MAX, PAGE_DEFAULT, PAGE_MAX, QUANTITY_MAX, TOTAL_MINOR_MAX } from './limits.ts'

const item = z.strictObject({
  sku: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'is not 1 to 64 letters, digits, . _ or -'),
  quantity: z.int().positive().max(QUANTITY_MAX),
  unitPriceMinor: z.int().positive().max(TOTAL_MINOR_MAX),
})
const status = z.enum([
  'placing',
  'paid',
  'declined',
  'failed',
  'shipped',
  'cancelling',
  'cancelled',
])
const placed = z.strictObject({
  id: z.uuid(),
  status,
  totalMinor: z.int(),
  currency: z.string(),
  paymentId: z.uuid().nullable(),
  placedAt: z.iso.datetime(),
})
export const orderSchema = placed.extend({ personId: z.string(), items: z.array(item) })

export const contract = declare('order', {
  place: endpoint({
    at: 'POST /orders',
    summary: 'Places an order and pays it. `Idempotency-Key` makes it safe to send again',
    callers: ['gateway'],
    roles: ['customer', 'admin'],
    limit: '5/second, 1000/hour per person',
    body: z.strictObject({
      items: z
        .array(item)
        .min(1)
        .max(ITEMS_MAX)
        .refine((items) => totalOf(items) <= TOTAL_MINOR_MAX, 'are worth too much for one order'),
      currency: currencySchema,
      card: cardSchema,
    }),
    reply: placed,
    status: 201,
    idempotent: true,
    timeoutMs: 15_000,
  }),
  list: endpoint({
    at: 'GET /orders',
    summary:
      'Own orders, for admin and support all; newest first; `after` is the last id of the page before',
    callers: ['gateway'],
    roles: ['customer', 'admin', 'support'],
    limit: '50/second per person',
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
      after: z.uuid().optional(),
    }),
    reply: z.strictObject({ orders: z.array(orderSchema), next: z.uuid().nullable() }),
  }),
  read: endpoint({
    at: 'GET /orders/:id',
    summary: 'An own order, for admin and support any; the order of somebody else is not found',
    callers: ['gateway'],
    roles: ['customer', 'admin', 'support'],
    limit: '50/second per person',
    reply: orderSchema,
  }),
  cancel: endpoint({
    at: 'POST /orders/:id/cancel',
    summary:
      'Cancels a paid order that was not shipped; the money goes back. To ask again is no mistake',
    callers: ['gateway'],
    roles: ['customer', 'admin', 'support'],
    limit: '5/second per person',
    reply: orderSchema,
    idempotent: true,
  }),
  ship: endpoint({
    at: 'POST /orders/:id/ship',
    summary: 'Notes that a paid order is on its way. To ask again is no mistake',
    callers: ['gateway'],
    roles: ['admin', 'support'],
    limit: '20/second per person',
    reply: orderSchema,
    idempotent: true,
  }),
  /** For measurements: the whole way of an order to payment and back, and none of the databases. */
  ping: endpoint({
    at: 'GET /orders/ping',
    callers: ['gateway'],
    roles: ['admin', 'customer'],
    limit: '10000/second per person',
    reply: z.strictObject({ pong: z.literal(true) }),
  }),
})
