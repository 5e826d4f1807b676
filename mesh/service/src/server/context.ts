import { Refusal } from '@countersign/layers'
import type { Context, Workload } from '../workload.ts'
import type { OnBehalf } from '../client/client.ts'
import type { Exchange } from './exchange.ts'

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,128}$/

/** What a handler gets beside its input. Lives as long as the request. */
export function contextOf(exchange: Exchange, workload: Workload & OnBehalf): Context {
  const { permit, outgoing, requestId } = exchange
  if (permit === undefined)
    throw new Error('broken invariant: a handler is reached with a permit only')
  let abort: AbortController | undefined
  return {
    permit,
    requestId,
    idempotencyKey: idempotencyKeyOf(exchange),
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

/**
 * The key by which a repetition is known. One that cannot be used is refused, not passed over: whoever sends a key relies
 * on it, the caller and each door that repeats what failed, and without it a repetition is a second act.
 */
function idempotencyKeyOf({ incoming, route }: Exchange): string | undefined {
  const key = incoming.headers['idempotency-key']
  if (typeof key === 'string' && IDEMPOTENCY_KEY.test(key)) return key
  // What a mounted application makes of its headers is its own affair.
  if (key === undefined || route.endpoint.kind === 'mount') return undefined
  throw new Refusal('REQUEST_INVALID', {
    detail: 'Idempotency-Key must be sent once, as 1 to 128 printable characters without spaces.',
    rule: 'an idempotency key that cannot be used is not passed over',
    remedy: 'send a UUID',
  })
}
