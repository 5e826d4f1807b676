import { contract, endpoint, serve, z } from '@countersign/service'

/*
 * A service of one endpoint, started by `countersign run`: the gateway may call it, and so may the process that calls it
 * without one. At a port of the loopback that its parent has chosen.
 */
process.env.COUNTERSIGN_LISTEN = `127.0.0.1:${process.env.BENCH_PORT}`

const pong = contract('bench-pong', {
  ping: endpoint({
    at: 'GET /bench-pong/ping',
    callers: ['gateway', 'bench-caller'],
    roles: 'anyone',
    limit: '1000000/second per person',
    reply: z.strictObject({ pong: z.literal(true) }),
  }),
})
await serve(pong, { ping: async () => ({ pong: true as const }) })
