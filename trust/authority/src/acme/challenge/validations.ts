import type { Log } from '@countersign/ground/telemetry'
import type { Store } from '../../store/store.ts'
import type { AccountStore } from '../account/account-store.ts'
import type { AcmeEvents } from '../events.ts'
import { AUTHORIZATION_LIFETIME_MS, VALIDATIONS_AT_ONCE } from '../limits.ts'
import type { AuthorizationStore } from '../order/authorization-store.ts'
import type { OrderStore } from '../order/order-store.ts'
import type { AcmeProblem } from '../problem.ts'
import { type Release, Shares } from './shares.ts'
import type { ValidationWanted } from './validate.ts'

export interface ValidationsOptions {
  readonly store: Store
  readonly accounts: AccountStore
  readonly authorizations: AuthorizationStore
  readonly orders: OrderStore
  readonly events: AcmeEvents
  readonly log: Log
  readonly now: () => number
  validate(wanted: ValidationWanted, stop: AbortSignal): Promise<AcmeProblem | undefined>
}

/**
 * Works on challenges, a bounded number at once and a bounded number waiting. A challenge that a stop leaves in the
 * middle stays `processing`, and `resume` takes it up at the next start.
 */
export class Validations {
  readonly #options: ValidationsOptions
  readonly #stop = new AbortController()
  readonly #shares = new Shares()
  readonly #running = new Map<string, Promise<void>>()
  readonly #waiting = new Map<string, Release>()

  constructor(options: ValidationsOptions) {
    this.#options = options
  }

  /** A place for one challenge of an account. Throws `AcmeProblem` rateLimited where there is none. */
  reserve(account: string): Release {
    return this.#shares.take(account)
  }

  /** Starts to check a challenge that says `processing`, and gives its place back when that is done. */
  start(challenge: string, release: Release = () => undefined): void {
    if (this.has(challenge) || this.#stop.signal.aborted) {
      release()
      return
    }
    this.#waiting.set(challenge, release)
    this.#next()
  }

  has(challenge: string): boolean {
    return this.#waiting.has(challenge) || this.#running.has(challenge)
  }

  /** What was being checked when the server stopped. */
  resume(): void {
    for (const challenge of this.#options.authorizations.processing()) this.start(challenge)
  }

  async close(): Promise<void> {
    this.#waiting.clear()
    this.#stop.abort()
    await Promise.allSettled(this.#running.values())
  }

  #next(): void {
    const [first] = this.#waiting
    if (first === undefined || this.#running.size >= VALIDATIONS_AT_ONCE) return
    const [challenge, release] = first
    this.#waiting.delete(challenge)
    const work = this.#check(challenge)
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted)
          this.#options.log.error({ err: error, challenge }, 'a challenge could not be decided')
      })
      .finally(() => {
        release()
        this.#running.delete(challenge)
        this.#next()
      })
    this.#running.set(challenge, work)
    this.#next()
  }

  async #check(id: string): Promise<void> {
    const { authorizations, orders, accounts, store, events, now } = this.#options
    const found = authorizations.findChallenge(id)
    const account = accounts.find(found?.authorization.account ?? '')?.account
    if (found === undefined || account === undefined) return
    const { challenge, authorization } = found
    const { type, token } = challenge
    const wanted = { type, token, name: authorization.name, thumbprint: account.thumbprint }
    const problem = await this.#options.validate(wanted, this.#stop.signal)
    const at = now()
    await store.write(() => {
      authorizations.decide(challenge, {
        ...{ problem, now: at, validUntil: at + AUTHORIZATION_LIFETIME_MS },
      })
      if (problem !== undefined) orders.endThoseWith(authorization)
    })
    events.validated({ account, name: authorization.name, type, problem })
  }
}
