import { randomUUID } from 'node:crypto'
import { load } from '@countersign/journeys/support'
import { contract as payment } from '@countersign/payment/contract'
import { joinMesh } from '@countersign/service'

/** Runs with the identity of `order`, started by `countersign run`. */
const { token, seconds, inFlight } = JSON.parse(process.env.BENCH_LOAD ?? '{}') as {
  token: string
  seconds: number
  inFlight: number
}
const mesh = await joinMesh('order', process.env)
const report = await load({
  inFlight,
  seconds,
  warmUpSeconds: 10,
  send: async () => {
    await mesh.connected.callFor(payment, { token, requestId: randomUUID() }).ping()
    return undefined
  },
})
console.log(JSON.stringify(report))
await mesh.close()
