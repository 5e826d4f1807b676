/** Who may touch which keys of the shared Redis: each service its own cache, the gateways limits and what they know together. */
export const redisUsers: readonly { readonly name: string; readonly keys: string }[] = [
  { name: 'gateway', keys: 'limit:* fleet:*' },
  { name: 'user', keys: 'user:*' },
  { name: 'order', keys: 'order:*' },
  { name: 'payment', keys: 'payment:*' },
]
