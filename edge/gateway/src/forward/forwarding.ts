import {
  type Entry,
  idempotencyKeyIn,
  mayRetry,
  type RetryBudget,
  UpstreamError,
  type UpstreamRequest,
} from '@countersign/layers'
import { NOBODY } from '../domain/balancing/member.ts'
import { mayRepeat } from '../domain/may-repeat.ts'
import { routeOf } from '../domain/route.ts'
import type { Events } from '../events.ts'
import { type Exchange, isProven } from '../exchange.ts'
import { FIRST_ADDRESS_MS_MAX, RETRIES_MAX } from '../limits.ts'
import type { Ended, Instance } from '../upstream/instance.ts'
import type { Upstreams } from '../upstream/upstreams.ts'
import { Attempt } from './attempt.ts'
import { ClientGone, tooSlow } from './body-refusals.ts'
import {
  congested,
  type NoAnswer,
  noService,
  refusalIn,
  unanswered,
  unreachable,
} from './forward-refusals.ts'
import { keepTunnel, mayTunnel } from './keep-tunnel.ts'
import type { LastingOnes } from './lasting.ts'
import type { Outcome } from './outcome.ts'
import { type Body, bytesOf } from './read-body.ts'
import { upstreamRequest } from './upstream-request.ts'
import { WorkedAnswer } from './worked-answer.ts'

/** What all requests are forwarded by. */
export interface ForwardingBy {
  readonly upstreams: Upstreams
  readonly events: Events
  readonly budget: RetryBudget
  /** What goes on without an end that is known beforehand. */
  readonly lasting: LastingOnes
}

/*
 * - an instance with little to do that its breaker lets pass gets the request
 * - without a byte of an answer it is sent once more, to another instance where there is one, if nothing of it can have
 *   arrived or doing it twice is the same as once; never after the time is up
 * - what comes back is the service's own answer; what does not come back is 502, 503 or 504
 *
 * One for each request, and no promise: an answer that has come ends the exchange within the same call.
 */
export class Forwarding {
  readonly #exchange: Exchange
  readonly #body: Body
  readonly #by: ForwardingBy
  readonly #request: UpstreamRequest
  readonly #deadline: number
  readonly #isIdempotent: boolean
  readonly #triesMax: number
  #number = 0
  #instance: Instance | undefined
  #tried: readonly Instance[] = NOBODY
  #last: NoAnswer | undefined
  #entry: Entry = 'normal'

  /** Throws `Refusal` where the request cannot be put as the service would get it. */
  constructor(exchange: Exchange, body: Body, by: ForwardingBy) {
    const { endpoint, operator, origin } = routeOf(exchange)
    if (operator !== undefined && operator.kongService === undefined) throw noService(origin)
    mayTunnel(exchange)
    const { timeoutMs, idempotent, kind } = endpoint
    const mounted = kind === 'mount'
    const hasKey = !mounted && idempotencyKeyIn(exchange.request.headers) !== undefined
    this.#isIdempotent = mayRepeat(exchange.method, { idempotent, mounted, hasKey })
    this.#triesMax = triesOf(operator?.kongService?.retries)
    this.#exchange = exchange
    this.#body = body
    this.#by = by
    this.#request = upstreamRequest(exchange, body, timeoutMs)
    this.#deadline = performance.now() + timeoutMs
    by.budget.earn()
  }

  /**
   * Sends the request to an instance. Throws `Refusal` where there is none, `ClientGone` where nobody waits. Gives a promise
   * only where it is not known yet who is there.
   */
  begin(): void | Promise<void> {
    const instance = this.#choose()
    if (instance !== undefined) {
      this.#send(instance)
      return
    }
    const pending = this.#by.upstreams.pending(this.#exchange)
    if (pending === undefined) throw this.#unreachable()
    return within(pending, FIRST_ADDRESS_MS_MAX).then(() => {
      const found = this.#choose()
      if (found === undefined) throw this.#unreachable()
      this.#send(found)
    })
  }

  #choose(): Instance | undefined {
    // Who has gone while it was looked at who it is, tells it only once: an answer that is closed by now closes no more.
    if (this.#exchange.response.destroyed) throw new ClientGone()
    return this.#by.upstreams.choose(this.#exchange, this.#tried)
  }
  #unreachable(): Error {
    const { service } = routeOf(this.#exchange)
    return this.#last === undefined
      ? unreachable(service, this.#by.upstreams.fault(this.#exchange))
      : unanswered(service, this.#last)
  }

  #send(instance: Instance): void {
    const exchange = this.#exchange
    if (instance.isCongested(isProven(exchange), performance.now()))
      throw congested(routeOf(exchange).service)
    this.#number++
    this.#instance = instance
    const entry = instance.breaker.enter()
    if (entry === undefined) {
      this.#failed({ kind: 'unstarted' })
      return
    }
    this.#entry = entry
    const attempt = new Attempt(exchange, this)
    const { plugins } = exchange
    const receiver = plugins === undefined ? attempt : new WorkedAnswer(attempt, plugins)
    const over = routeOf(exchange).operator?.overH2 === true ? instance.h2 : instance.upstream
    attempt.cancel = over.stream(this.#requestTo(instance), receiver)
    if (this.#body.kind === 'stream' && this.#body.length === undefined) attempt.last()
  }

  get lasting(): LastingOnes {
    return this.#by.lasting
  }
  /** How the attempt has ended. */
  ended(told: Outcome): void {
    if (told.kind === 'answered') {
      this.#leave(told)
      this.#exchange.over()
    } else {
      const outcome = this.#isClientLate(told) ? LATE : told
      // Not within the call that tells it: whoever makes that has a connection to close, or others to tell.
      queueMicrotask(() => {
        try {
          this.#leave(outcome)
          this.#goOn(outcome)
        } catch (error) {
          this.#exchange.over(error)
        }
      })
    }
  }

  #goOn(outcome: Exclude<Outcome, { readonly kind: 'answered' }>): void {
    if (outcome.kind === 'gone') throw new ClientGone()
    if (outcome.kind === 'refused') {
      if (outcome.told === undefined) throw outcome.error
      this.#exchange.refusal = outcome.told
      this.#exchange.over()
      return
    }
    if (outcome.kind === 'tunnel') {
      const end = (error?: unknown): void => this.#exchange.over(error)
      void keepTunnel(outcome.tunnel, this.#exchange, this.#by).then(() => end(), end)
    } else if (outcome.kind === 'broken') {
      this.#tellFailure(outcome.error.code)
      this.#exchange.over()
    } else this.#failed(outcome)
  }
  /** The time is up, and the service is still owed a part of the body that has not come: its client could blame it for that. */
  #isClientLate(outcome: Outcome): boolean {
    const isTimeout = outcome.kind === 'failed' && outcome.error.code === 'TIMEOUT'
    return isTimeout && this.#body.kind === 'stream' && this.#body.source.awaitsClient
  }
  #failed(outcome: NoAnswer): void {
    const own = refusalIn(outcome)
    if (own !== undefined) throw own
    this.#tellFailure(outcome.kind === 'unstarted' ? 'NOT_STARTED' : outcome.error.code)
    if (!this.#isWorthAnother(outcome) || !this.#by.budget.spend())
      throw unanswered(routeOf(this.#exchange).service, outcome)
    if (this.#instance !== undefined) this.#tried = [...this.#tried, this.#instance]
    this.#last = outcome
    const next = this.#choose()
    if (next === undefined) throw this.#unreachable()
    this.#send(next)
  }
  #tellFailure(why: string): void {
    this.#by.events.upstreamFailed(routeOf(this.#exchange).service, why)
  }

  #leave(outcome: Outcome): void {
    const instance = this.#instance
    if (instance === undefined) return
    const { plugins } = this.#exchange
    this.#exchange.met(instance.witness)
    if (plugins !== undefined) {
      const tunnelled = outcome.kind === 'tunnel' ? 101 : undefined
      const status = outcome.kind === 'answered' ? outcome.status : tunnelled
      plugins.passage.tries = [...plugins.passage.tries, { address: instance.address, status }]
      plugins.passage.requestBytes = bytesOf(this.#exchange.body ?? this.#body)
    }
    // Who gives up, or sends a body that is refused, says nothing of the instance; a probe has to be closed all the same.
    const status = outcome.kind === 'answered' ? outcome.status : 0
    instance.report(this.#entry, endOf(outcome), status, this.#exchange.upstreamMs)
  }

  /** The request with the time that is left, and with the name that the instance goes by. */
  #requestTo({ authority }: Instance): UpstreamRequest {
    const { operator } = routeOf(this.#exchange)
    const named = authority !== undefined && operator?.preserveHost !== true
    if (this.#number === 1 && !named) return this.#request
    const timeoutMs =
      this.#number === 1 ? this.#request.timeoutMs : Math.max(1, this.#deadline - performance.now())
    return named
      ? { ...this.#request, timeoutMs, host: authority }
      : { ...this.#request, timeoutMs }
  }

  #isWorthAnother(outcome: NoAnswer): boolean {
    const what =
      outcome.kind === 'failed' ? { error: outcome.error } : { status: 503, notStarted: true }
    return mayRetry({
      number: this.#number,
      triesMax: this.#triesMax,
      replayable: this.#body.kind !== 'stream',
      idempotent: this.#isIdempotent,
      timeLeftMs: this.#deadline - performance.now(),
      ...what,
    })
  }
}

const LATE: NoAnswer = {
  kind: 'failed',
  error: new UpstreamError('ABORTED', 'the body came too slowly', { sent: true, cause: tooSlow() }),
}

/** What an outcome says of the instance. An answer that a plugin does not let pass is one all the same. */
function endOf(outcome: Outcome): Ended {
  if (outcome.kind === 'answered' || outcome.kind === 'refused') return 'answered'
  if (outcome.kind === 'tunnel') return 'answered'
  if (outcome.kind === 'gone' || refusalIn(outcome) !== undefined) return 'silent'
  if (outcome.kind === 'unstarted') return 'failed'
  if (outcome.error.code !== 'TIMEOUT') return 'failed'
  // Nothing has happened on a stream for a while: whoever asks for several could have the service taken for broken.
  return outcome.kind === 'broken' ? 'silent' : 'timeout'
}

/** What an operator says beyond the contracts' two, within our own bound. */
function triesOf(retries: number | undefined): number {
  return retries === undefined ? 2 : 1 + Math.min(retries, RETRIES_MAX)
}

/** Waits for `pending`, and not longer than `ms`. */
async function within(pending: Promise<unknown>, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([pending, promise])
  clearTimeout(timer)
}
