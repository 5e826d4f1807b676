import type { TrustEvents } from './trust-events.ts'

/** What an authority does before it has a workload that could tell of it. The oldest go first. */
const KEPT_MAX = 256

/** Events that are kept until there is somebody to tell them to. */
export class LateEvents {
  #events: TrustEvents | undefined
  #kept: ((events: TrustEvents) => void)[] = []

  attach(events: TrustEvents): void {
    this.#events = events
    const kept = this.#kept
    this.#kept = []
    for (const tell of kept) tell(events)
  }

  tell(what: (events: TrustEvents) => void): void {
    if (this.#events !== undefined) what(this.#events)
    else this.#kept = [...this.#kept.slice(1 - KEPT_MAX), what]
  }
}
