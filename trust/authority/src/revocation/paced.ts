import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Work that is asked for often and done once at a time: what is asked for while it runs is done once more, after it,
 * and after a rest, so that it takes no more than `busyShare` of the time however long it is.
 */
export class Paced {
  readonly #work: () => Promise<void>
  readonly #busyShare: number
  readonly #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #next: Promise<void> | undefined

  /** `work` does not reject. */
  constructor(work: () => Promise<void>, busyShare: number) {
    this.#work = work
    this.#busyShare = busyShare
  }

  /** Resolves when a run is over that began after this call. */
  run(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined
      const start = performance.now()
      const done = this.#work()
      this.#running = done.then(() => this.#rest(performance.now() - start))
      return done
    })
    return this.#next
  }

  close(): void {
    this.#stop.abort()
  }

  async #rest(tookMs: number): Promise<void> {
    const ms = tookMs * (1 / this.#busyShare - 1)
    if (ms < 1) return
    await sleep(ms, undefined, { ref: false, signal: this.#stop.signal }).catch(() => undefined)
  }
}
