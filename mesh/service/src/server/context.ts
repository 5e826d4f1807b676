import { idempotencyKey } from '@countersign/layers'
import type { Context, Workload } from '../workload.ts'
import type { OnBehalf } from '../client/client.ts'
import type { Exchange } from './exchange.ts'

/** What a handler gets beside its input. Lives as long as the request. */
export function contextOf(exchange: Exchange, workload: Workload & OnBehalf): Context {
  const { permit, incoming, outgoing, requestId, route } = exchange
  if (permit === undefined)
    throw new Error('broken invariant: a handler is reached with a permit only')
  let abort: AbortController | undefined
  return {
    permit,
    requestId,
    idempotencyKey: route.endpoint.kind === 'mount' ? undefined : idempotencyKey(incoming),
    path: exchange.path,
    log: workload.log,
    get signal() {
      if (abort === undefined) {
        const made = new AbortController()
        abort = made
        const onClose = () => (outgoing.writableFinished ? undefined : made.abort())
        if (outgoing.closed) onClose()
        else outgoing.once('close', onClose)
      }
      return abort.signal
    },
    call: (contract) =>
      workload.callFor(contract, {
        token: exchange.token,
        requestId,
        trace: exchange.trace,
        seen: (proof) => {
          exchange.downstream ??= []
          if (exchange.downstream.length < 16) exchange.downstream.push(proof)
        },
      }),
    witness: (seen) => {
      exchange.witness ??= []
      if (exchange.witness.length < 16) exchange.witness.push(seen)
    },
  }
}
