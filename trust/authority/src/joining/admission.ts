import type { IncomingMessage } from 'node:http'
import { addressKey, Refusal } from '@countersign/layers'
import { type Buckets, takeFor } from '../domain/rates.ts'
import { toRefusal } from '../errors.ts'
import type { Asker } from '../events.ts'
import { JOIN_ATTEMPTS_PER_TOKEN, JOIN_FAILURES_PER_ADDRESS } from '../limits.ts'
import type { JoinDoorOptions } from './join-door.ts'
import { readJoin } from './read-join.ts'
import type { Ticket } from './recognise.ts'

/*
 * Whose request is looked at further. A good token counts for more than an address:
 *
 * 1. it has the form of a join, and a token that is good   else it counts against its address: 429 when there are too
 *                                                          many of that kind, counted, not stored
 * 2. not too many requests with this one token             429: one is enough, others are mistakes
 *
 * So a thousand workloads of one machine can join at once, and a flood of bad tokens from beside them does not keep
 * them out.
 */
export class Admission {
  readonly #options: JoinDoorOptions
  readonly #now: () => number
  readonly #failures: Buckets = new Map()
  readonly #attempts: Buckets = new Map()

  constructor(options: JoinDoorOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Throws `Refusal`, counted or recorded. */
  async enter(
    request: IncomingMessage,
    asker: Omit<Asker, 'workload'>,
  ): Promise<{ ticket: Ticket; csr: string }> {
    const found = await this.#identify(request, asker)
    if (!takeFor(this.#attempts, found.ticket.hash, JOIN_ATTEMPTS_PER_TOKEN, this.#now()))
      throw this.#shed(tooMany())
    // Who has left would lose the token for an answer that nobody reads.
    if (request.socket.destroyed) throw this.#shed(new Refusal('REQUEST_TIMEOUT'))
    return found
  }

  async #identify(
    request: IncomingMessage,
    asker: Omit<Asker, 'workload'>,
  ): Promise<{ ticket: Ticket; csr: string }> {
    try {
      const join = await readJoin(request)
      return { ticket: await this.#options.recognise(join), csr: join.csr }
    } catch (error) {
      const address = addressKey(asker.address ?? '')
      if (!takeFor(this.#failures, address, JOIN_FAILURES_PER_ADDRESS, this.#now()))
        throw this.#shed(tooMany())
      const refusal = error instanceof Refusal ? error : toRefusal(error)
      // Requests that are no join come in floods, and mean nothing one by one.
      if (NO_JOIN.has(refusal.code)) throw this.#shed(refusal)
      this.#options.events.refused('join', refusal, { ...asker, workload: undefined })
      throw refusal
    }
  }

  #shed(refusal: Refusal): Refusal {
    this.#options.events.shed(refusal.code)
    return refusal
  }
}

const NO_JOIN: ReadonlySet<string> = new Set([
  ...['ROUTE_UNKNOWN', 'METHOD_NOT_ALLOWED', 'MEDIA_TYPE', 'BODY_TOO_LARGE', 'INTERNAL'],
])

function tooMany(): Refusal {
  return new Refusal('RATE_LIMITED', { headers: { 'retry-after': '1' } })
}
