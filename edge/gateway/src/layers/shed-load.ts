import { Refusal } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { QueueTime } from '../domain/queue-time.ts'
import { isProven } from '../exchange.ts'
import { QUEUE_INTERVAL_MS, QUEUE_SEEN_MIN } from '../limits.ts'

/*
 * How long requests wait for this process: what comes while one turn of the event loop lasts is read in the next one at the
 * earliest. A turn is measured from its first request to the phase behind all reading; without requests nothing is measured.
 */
export class TurnTime {
  readonly queue: QueueTime
  readonly #now: () => number
  #began = 0
  #isMeasured = false
  readonly #ended = (): void => {
    const now = this.#now()
    this.#isMeasured = false
    this.queue.observe(now - this.#began, now)
  }

  constructor(targetMs: number, now: () => number = () => performance.now()) {
    this.#now = now
    const bounds = { targetMs, intervalMs: QUEUE_INTERVAL_MS, seenMin: QUEUE_SEEN_MIN }
    this.queue = new QueueTime(bounds)
  }
  /** A request is here. */
  began(): void {
    if (this.#isMeasured) return
    this.#isMeasured = true
    this.#began = this.#now()
    setImmediate(this.#ended)
  }
}

/** When more comes than can be done, some is refused at once, so that the rest is done in time: strangers first. */
export const shedLoad =
  ({ queue }: Pick<TurnTime, 'queue'>): Layer =>
  (exchange, next) => {
    if (queue.severity > 0 && queue.sheds(isProven(exchange), performance.now())) throw overloaded()
    return next(exchange)
  }

const overloaded = (): Refusal =>
  new Refusal('OVERLOADED', {
    detail: 'More requests come than can be done. Try again in a second.',
    rule: 'gateway: requests wait too long for this process',
    remedy: 'start more gateways, or send fewer requests; GATEWAY_QUEUE_MS_MAX is the bound',
    headers: { 'retry-after': '1' },
  })
