import { contract as declare, endpoint } from '@countersign/contract'
import { z } from 'zod'
import { isCardNumber } from './domain/card.ts'
import { AMOUNT_MINOR_MAX, HOLDER_CHARS_MAX, PAGE_DEFAULT, PAGE_MAX } from './limits.ts'

/** A payment card. Messages say what is wrong and never quote it. */
export const cardSchema = z.strictObject({
  number: z
    .string()
    .max(32)
    .transform((text) => text.replaceAll(/[ -]/g, ''))
    .refine(isCardNumber, 'is not a valid card number'),
  expiry: z.string().regex(/^(?:0[1-9]|1[0-2])\/[0-9]{2}$/, 'is not of the form MM/YY'),
  holder: z.string().trim().min(1).max(HOLDER_CHARS_MAX),
})
export const currencySchema = z.string().regex(/^[A-Z]{3}$/, 'is not a currency code of ISO 4217')

const settled = z.enum(['captured', 'declined'])
const charged = z.strictObject({
  paymentId: z.uuid(),
  status: settled,
  maskedCard: z.string(),
  amountMinor: z.int(),
  currency: z.string(),
})
export const paymentSchema = z.strictObject({
  id: z.uuid(),
  orderId: z.string(),
  personId: z.string().nullable(),
  status: z.enum(['pending', 'captured', 'declined', 'refunded', 'void']),
  amountMinor: z.int(),
  currency: z.string(),
  maskedCard: z.string(),
  createdAt: z.iso.datetime(),
})

export const contract = declare('payment', {
  charge: endpoint({
    at: 'POST /payments',
    summary: "Charges an order once. `Idempotency-Key` must be the order's id",
    callers: ['order'],
    roles: ['customer', 'admin'],
    limit: '100/second per person',
    body: z.strictObject({
      orderId: z.uuid(),
      amountMinor: z.int().positive().max(AMOUNT_MINOR_MAX),
      currency: currencySchema,
      card: cardSchema,
    }),
    reply: charged,
    status: 201,
    idempotent: true,
  }),
  /*
   * The two that follow have no person: the order service settles what a crash has left open, when nobody is
   * there to show a token. That it is the order service is proven by its certificate.
   */
  settle: endpoint({
    at: 'PUT /payments/for-order/:orderId',
    summary: "The last word on an order's charge. Where there was none, none can come after this",
    callers: ['order'],
    roles: 'stranger',
    limit: '1000/second per caller',
    reply: z.strictObject({
      outcome: z.enum(['captured', 'declined', 'refunded', 'none']),
      paymentId: z.uuid().nullable(),
    }),
  }),
  giveBack: endpoint({
    at: 'DELETE /payments/for-order/:orderId',
    summary: 'Gives the money of a cancelled order back',
    callers: ['order'],
    roles: 'stranger',
    limit: '1000/second per caller',
  }),
  /** For measurements: all of the door, none of the database. */
  ping: endpoint({
    at: 'GET /payments/ping',
    callers: ['order'],
    roles: 'anyone',
    limit: '1000000/second per caller',
    reply: z.strictObject({ pong: z.literal(true) }),
  }),
  list: endpoint({
    at: 'GET /payments',
    summary:
      'The payments of one day (UTC), newest first; `after` is the last id of the page before',
    callers: ['gateway'],
    roles: ['admin', 'support', 'auditor'],
    limit: '20/second per person',
    query: z.strictObject({
      day: z.iso.date().optional(),
      limit: z.coerce.number().int().min(1).max(PAGE_MAX).default(PAGE_DEFAULT),
      after: z.uuid().optional(),
    }),
    reply: z.strictObject({ payments: z.array(paymentSchema), next: z.uuid().nullable() }),
  }),
  read: endpoint({
    at: 'GET /payments/:id',
    callers: ['gateway'],
    roles: ['admin', 'support'],
    limit: '50/second per person',
    reply: paymentSchema,
  }),
  refund: endpoint({
    at: 'POST /payments/:id/refund',
    summary: 'Gives the money of a captured payment back; to ask again is no mistake',
    callers: ['gateway'],
    roles: ['admin', 'support'],
    limit: '10/second per person',
    reply: paymentSchema,
    idempotent: true,
  }),
})
