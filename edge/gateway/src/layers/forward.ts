import { Refusal, type UpstreamError } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { mayRepeat } from '../domain/choose-instance.ts'
import { type Route, routeOf } from '../domain/route.ts'
import type { Events } from '../events.ts'
import type { Exchange } from '../exchange.ts'
import { Attempt, type Outcome } from '../forward/attempt.ts'
import { type Body, ClientGone, readBody } from '../forward/read-body.ts'
import { upstreamRequest } from '../forward/upstream-request.ts'
import { ATTEMPTS_MAX } from '../limits.ts'
import type { Instance } from '../upstream/instance.ts'
import type { Upstreams } from '../upstream/upstreams.ts'

/*
 * - the least loaded instance that its breaker lets pass gets the request
 * - without an answer, one other instance gets it: when no byte had left, or when it may be repeated; not after a timeout
 *   of the whole, and never after a byte of an answer
 * - what comes back is the service's own answer; what does not come back is 502, 503 or 504
 */
export const forward =
  (upstreams: Upstreams, events: Events): Layer =>
  async (exchange) => {
    const route = routeOf(exchange)
    const body = await readBody(exchange, route.endpoint.bodyBytesMax)
    const request = upstreamRequest(exchange, body)
    const deadline = performance.now() + route.endpoint.timeoutMs
    const tried = new Set<string>()
    let last: Outcome | undefined
    while (tried.size < ATTEMPTS_MAX) {
      const instance = upstreams.choose(route.service, tried)
      if (instance === undefined) break
      tried.add(instance.id)
      last = await callInstance(instance, exchange, { request, deadline })
      if (last.kind === 'answered') return
      if (last.kind === 'gone') throw new ClientGone()
      events.upstreamFailed(route.service, last.error.code)
      if (last.kind === 'broken') return
      if (!mayTryAgain(exchange, { route, body, error: last.error })) break
    }
    throw unanswered(route, last)
  }

async function callInstance(
  instance: Instance,
  exchange: Exchange,
  call: { readonly request: ReturnType<typeof upstreamRequest>; readonly deadline: number },
): Promise<Outcome> {
  const attempt = new Attempt(exchange)
  const timeoutMs = Math.max(1, call.deadline - performance.now())
  attempt.cancel = instance.upstream.stream({ ...call.request, timeoutMs }, attempt)
  const outcome = await attempt.done
  if (outcome.kind === 'answered') instance.breaker.succeed()
  else if (outcome.kind !== 'gone' && refusalIn(outcome.error) === undefined)
    instance.breaker.fail()
  exchange.downstream.push(instance.witness)
  return outcome
}

/** A refusal of the request's own body comes back through the call that was to send it. */
function refusalIn(error: UpstreamError): Refusal | undefined {
  return error.cause instanceof Refusal ? error.cause : undefined
}

function mayTryAgain(
  exchange: Exchange,
  facts: { readonly route: Route; readonly body: Body; readonly error: UpstreamError },
): boolean {
  if (facts.body.kind === 'stream' || facts.error.code === 'TIMEOUT') return false
  if (!facts.error.sent) return true
  const { endpoint } = facts.route
  return mayRepeat(exchange.method, {
    idempotent: endpoint.idempotent,
    mounted: endpoint.kind === 'mount',
    hasKey: exchange.request.headers['idempotency-key'] !== undefined,
  })
}

function unanswered({ service }: Route, last: Outcome | undefined): Error {
  if (last?.kind !== 'failed')
    return new Refusal('NO_INSTANCE', {
      detail: 'The service is not available at the moment. Try again.',
      rule: `registry: no instance of ${service} that its breaker lets pass`,
      remedy: `start ${service}, and see that it registers`,
      headers: { 'retry-after': '1' },
    })
  const { error } = last
  const code = error.code === 'TIMEOUT' ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_FAILED'
  return (
    refusalIn(error) ??
    new Refusal(code, {
      rule: `${service}: ${error.code}: ${error.message}`,
      remedy: `see the log of ${service}`,
      cause: error,
    })
  )
}
