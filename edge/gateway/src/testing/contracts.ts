import type { ContractDescriptor } from '@countersign/contract'
import { contract, describe, endpoint } from '@countersign/contract'

/* Contracts of services that tests put behind a gateway. */

const limit = '1000000/second per person'
export const order: ContractDescriptor = describe(
  contract('order', {
    list: endpoint({
      at: 'GET /orders',
      callers: ['gateway'],
      roles: ['customer', 'admin'],
      limit,
    }),
    read: endpoint({ at: 'GET /orders/:id', callers: ['gateway'], roles: 'anyone', limit }),
    create: endpoint({
      at: 'POST /orders',
      callers: ['gateway'],
      roles: ['customer'],
      limit,
      idempotent: true,
      kind: 'raw',
    }),
    erase: endpoint({ at: 'DELETE /orders/:id', callers: ['gateway'], roles: ['admin'], limit }),
    slow: endpoint({
      at: 'GET /slow',
      callers: ['gateway'],
      roles: 'stranger',
      limit: '1000000/second per address',
      timeoutMs: 1_500,
      idempotent: true,
    }),
    upload: endpoint({
      at: 'POST /upload',
      callers: ['gateway'],
      roles: 'stranger',
      limit: '1000000/second per address',
      bodyBytesMax: 8 * 1024 * 1024,
    }),
    few: endpoint({
      at: 'GET /few',
      callers: ['gateway'],
      roles: 'anyone',
      limit: '5/second, 1000/hour per person',
    }),
    inner: endpoint({
      at: 'GET /inner',
      callers: ['payment'],
      roles: 'stranger',
      limit: '1/second per caller',
    }),
  }),
)
export const identityMount: ContractDescriptor = describe(
  contract('identity', {
    provider: endpoint({
      at: 'ANY /auth/*',
      kind: 'mount',
      callers: ['gateway'],
      roles: 'stranger',
      limit: '1000000/second per address',
    }),
  }),
)
