import { DEADLINE_STEP_MS } from './limits.ts'

/** Something that must end by `deadline`, in milliseconds of `performance.now()`. */
export interface Mortal {
  readonly deadline: number
  /** Its neighbours while it waits; for `Deadlines` alone. */
  sooner: Mortal | undefined
  later: Mortal | undefined
  /** It is over, unless it is already. */
  expire(): void
}

/**
 * Ends what is over its deadline, at most DEADLINE_STEP_MS late. One timer for all, since a timer for each request is a
 * cost on the data path. It runs only while something waits.
 *
 * They wait in a list through themselves, in the order in which they came: joining and leaving it makes nothing, and
 * nothing that has left is held. (A Set keeps what was deleted from it until it is rebuilt.)
 */
export class Deadlines {
  #first: Mortal | undefined
  #last: Mortal | undefined
  #timer: NodeJS.Timeout | undefined

  add(mortal: Mortal): void {
    mortal.sooner = this.#last
    if (this.#last === undefined) this.#first = mortal
    else this.#last.later = mortal
    this.#last = mortal
    this.#timer ??= setInterval(() => this.#sweep(), DEADLINE_STEP_MS)
  }
  /** Once, of what waits. */
  delete(mortal: Mortal): void {
    const { sooner, later } = mortal
    if (sooner === undefined) this.#first = later
    else sooner.later = later
    if (later === undefined) this.#last = sooner
    else later.sooner = sooner
    mortal.sooner = undefined
    mortal.later = undefined
  }

  #sweep(): void {
    const now = performance.now()
    const due: Mortal[] = []
    for (let at = this.#first; at !== undefined; at = at.later) if (now >= at.deadline) due.push(at)
    // Who expires may take others along: those are told that nothing is left to do.
    for (const mortal of due) mortal.expire()
    if (this.#first !== undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
