import type { Context, Workload } from '../workload.ts'
import type { OnBehalf } from '../client/client.ts'
import type { Exchange } from './exchange.ts'

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/

/** What a handler gets beside its input. Lives as long as the request. */
export function contextOf(exchange: Exchange, workload: Workload & OnBehalf): Context {
  const { permit, incoming, outgoing, requestId } = exchange
  if (permit === undefined)
    throw new Error('broken invariant: a handler is reached with a permit only')
  const key = incoming.headers['idempotency-key']
  let abort: AbortController | undefined
  return {
    permit,
    requestId,
    idempotencyKey: typeof key === 'string' && IDEMPOTENCY_KEY.test(key) ? key : undefined,
    path: exchange.path,
    log: workload.log,
    get signal() {
      if (abort === undefined) {
        const made = new AbortController()
        abort = made
        outgoing.once('close', () => (outgoing.writableFinished ? undefined : made.abort()))
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
      }) as never,
    witness: (seen) => {
      exchange.witness ??= []
      if (exchange.witness.length < 16) exchange.witness.push(seen)
    },
  }
}
