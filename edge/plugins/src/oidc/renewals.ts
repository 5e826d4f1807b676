import {
  RENEWAL_KEPT_MS,
  RENEWAL_RETRY_MS,
  RENEWALS_KEPT_MAX,
  RENEWALS_UNDER_WAY_MAX,
} from '../limits.ts'
import { BoundedCache } from '../support/bounded-cache.ts'
import type { Session } from './session.ts'

/** What became of a refresh. */
export type Outcome =
  | { readonly session: Session }
  /** The issuer refuses: whoever it is has to log in again. */
  | { readonly over: string }
  /** Nobody knows yet. */
  | { readonly unavailable: string }

/** For so long who comes with the old tokens is told what came of their refresh. */
export const keptMsOf = (outcome: Outcome): number =>
  'unavailable' in outcome ? RENEWAL_RETRY_MS : RENEWAL_KEPT_MS

/** Refreshes of this gateway, by client and refresh token: they outlive a change of the configuration. */
export class Renewals {
  readonly #underWay = new Map<string, Promise<Outcome>>()
  readonly #known = new BoundedCache<{ readonly outcome: Outcome; readonly until: number }>(
    RENEWALS_KEPT_MAX,
  )

  run(key: string, now: () => number, ask: () => Promise<Outcome>): Promise<Outcome> {
    const known = this.#known.get(key)
    if (known !== undefined && now() < known.until) return Promise.resolve(known.outcome)
    const running = this.#underWay.get(key)
    if (running !== undefined) return running
    if (this.#underWay.size >= RENEWALS_UNDER_WAY_MAX)
      return Promise.resolve({ unavailable: 'too many sessions are refreshed' })
    const started = ask().then((outcome) => {
      this.#underWay.delete(key)
      this.#known.set(key, { outcome, until: now() + keptMsOf(outcome) })
      return outcome
    })
    this.#underWay.set(key, started)
    return started
  }
}
