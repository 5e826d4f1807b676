import { VALIDATIONS_PER_ACCOUNT_MAX, VALIDATIONS_WAITING_MAX } from '../limits.ts'
import { tooMany } from '../problem.ts'

/** Gives a place back; more than once does no harm. */
export type Release = () => void

/** Places for validations: a bounded number in all, and of each account. */
export class Shares {
  readonly #taken = new Map<string, number>()
  #all = 0

  /** Throws `AcmeProblem` rateLimited where there is no place. */
  take(account: string): Release {
    const share = this.#taken.get(account) ?? 0
    if (this.#all >= VALIDATIONS_WAITING_MAX)
      throw tooMany('too many challenges are being checked', 5)
    if (share >= VALIDATIONS_PER_ACCOUNT_MAX)
      throw tooMany('too many challenges of the account are being checked', 5)
    this.#taken.set(account, share + 1)
    this.#all += 1
    let held = true
    return () => {
      if (held) this.#give(account)
      held = false
    }
  }

  #give(account: string): void {
    const left = (this.#taken.get(account) ?? 1) - 1
    if (left > 0) this.#taken.set(account, left)
    else this.#taken.delete(account)
    this.#all -= 1
  }
}
