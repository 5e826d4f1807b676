import { contract, endpoint, serve, z } from '../index.ts'

/* A service of its own process, for tests that end it. */
const limit = '1000/second per caller'
const order = contract('order', {
  read: endpoint({
    at: 'GET /read',
    callers: ['payment'],
    roles: 'stranger',
    limit,
    reply: z.object({ ok: z.boolean() }),
  }),
})
await serve(order, { read: () => ({ ok: true }) })
