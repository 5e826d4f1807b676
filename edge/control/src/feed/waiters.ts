import { WAITERS_MAX } from '../limits.ts'

/** Gateways that wait for the next version. Their number is bounded; beyond it nobody waits, and asks again. */
export class Waiters {
  readonly #waiting = new Set<() => void>()
  #closed = false

  get count(): number {
    return this.#waiting.size
  }

  /** Resolves at the next change, when the time is over, when the request ends, or when this process stops. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted || timeoutMs <= 0 || this.#waiting.size >= WAITERS_MAX)
      return Promise.resolve()
    return new Promise((resolve) => {
      const wake = (): void => {
        if (!this.#waiting.delete(wake)) return
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs)
      signal.addEventListener('abort', wake, { once: true })
      this.#waiting.add(wake)
    })
  }
  wakeAll(): void {
    for (const wake of [...this.#waiting]) wake()
  }
  close(): void {
    this.#closed = true
    this.wakeAll()
  }
}
