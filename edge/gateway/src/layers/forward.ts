import { idempotencyKey, mayRetry, Refusal, RetryBudget } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { mayRepeat } from '../domain/may-repeat.ts'
import { routeOf } from '../domain/route.ts'
import type { Events } from '../events.ts'
import type { Exchange } from '../exchange.ts'
import { Attempt, type Outcome } from '../forward/attempt.ts'
import { ClientGone, readBody } from '../forward/read-body.ts'
import { upstreamRequest } from '../forward/upstream-request.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Upstreams } from '../upstream/upstreams.ts'

/*
 * - an instance with little to do that its breaker lets pass gets the request
 * - without a byte of an answer it is sent once more, to another instance where there is one, if nothing of it can have
 *   arrived or doing it twice is the same as once; never after the time is up
 * - what comes back is the service's own answer; what does not come back is 502, 503 or 504
 */
export const forward = (upstreams: Upstreams, events: Events): Layer => {
  const budget = new RetryBudget()
  return async (exchange) => {
    const { endpoint, service } = routeOf(exchange)
    const mounted = endpoint.kind === 'mount'
    const hasKey = !mounted && idempotencyKey(exchange.request) !== undefined
    const body = await readBody(exchange, endpoint.bodyBytesMax)
    const call: Call = {
      request: upstreamRequest(exchange, body),
      deadline: performance.now() + endpoint.timeoutMs,
      replayable: body.kind !== 'stream',
      idempotent: mayRepeat(exchange.method, { idempotent: endpoint.idempotent, mounted, hasKey }),
    }
    budget.earn()
    let tried: Instance | undefined
    for (let number = 1; ; number++) {
      if (isGone(exchange)) throw new ClientGone()
      const instance = upstreams.choose(service, tried)
      if (instance === undefined) throw noInstance(service)
      tried = instance
      const outcome = await callInstance(instance, exchange, call)
      if (outcome.kind === 'answered') return
      if (outcome.kind === 'gone') throw new ClientGone()
      events.upstreamFailed(
        service,
        outcome.kind === 'unstarted' ? 'NOT_STARTED' : outcome.error.code,
      )
      if (outcome.kind === 'broken') return
      if (!worthAnother(outcome, number, call) || !budget.spend())
        throw unanswered(service, outcome)
    }
  }
}

/** Who has gone while it was looked at who it is, tells it only once: an answer that is closed by now closes no more. */
const isGone = ({ request, response }: Exchange): boolean =>
  response.destroyed || request.socket.destroyed

interface Call {
  readonly request: ReturnType<typeof upstreamRequest>
  readonly deadline: number
  readonly replayable: boolean
  readonly idempotent: boolean
}
type NoAnswer = Extract<Outcome, { readonly kind: 'failed' | 'unstarted' }>

async function callInstance(instance: Instance, exchange: Exchange, call: Call): Promise<Outcome> {
  const entry = instance.breaker.enter()
  if (entry === undefined) return { kind: 'unstarted' }
  const attempt = new Attempt(exchange)
  const timeoutMs = Math.max(1, call.deadline - performance.now())
  attempt.cancel = instance.upstream.stream({ ...call.request, timeoutMs }, attempt)
  const outcome = await attempt.done
  exchange.downstream.push(instance.witness)
  // Who gives up, or sends a body that is refused, says nothing of the instance; a probe has to be closed all the same.
  const silent = outcome.kind === 'gone' || refusalIn(outcome) !== undefined
  if (!silent || entry === 'probe') instance.breaker.leave(entry, outcome.kind === 'answered')
  return outcome
}

/** A refusal of the request's own body comes back through the call that was to send it. */
function refusalIn(outcome: Outcome): Refusal | undefined {
  return 'error' in outcome && outcome.error.cause instanceof Refusal
    ? outcome.error.cause
    : undefined
}

function worthAnother(outcome: NoAnswer, number: number, call: Call): boolean {
  const { replayable, idempotent, deadline } = call
  const timeLeftMs = deadline - performance.now()
  const what =
    outcome.kind === 'failed' ? { error: outcome.error } : { status: 503, notStarted: true }
  return mayRetry({ number, replayable, idempotent, timeLeftMs, ...what })
}

const noInstance = (service: string): Refusal =>
  new Refusal('NO_INSTANCE', {
    detail: 'The service is not available at the moment. Try again.',
    rule: `registry: no instance of ${service} that its breaker lets pass`,
    remedy: `start ${service}, and see that it registers`,
    headers: { 'retry-after': '1' },
  })

function unanswered(service: string, outcome: NoAnswer): Refusal {
  if (outcome.kind === 'unstarted') return noInstance(service)
  const { error } = outcome
  const code = error.code === 'TIMEOUT' ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_FAILED'
  return (
    refusalIn(outcome) ??
    new Refusal(code, {
      rule: `${service}: ${error.code}: ${error.message}`,
      remedy: `see the log of ${service}`,
      cause: error,
    })
  )
}
