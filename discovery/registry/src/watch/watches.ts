import { WAITERS_MAX, WAITERS_PER_CALLER_MAX } from '../limits.ts'

interface Waiter {
  readonly caller: string
  readonly wake: () => void
}
export interface WaitOptions {
  readonly caller: string
  readonly timeoutMs: number
  /** Of the request: who goes away waits no longer. */
  readonly signal: AbortSignal
}

/** Requests that wait for a change. Their number is bounded, in all and for each caller. */
export class Watches {
  readonly #topics = new Map<string, Set<Waiter>>()
  readonly #callers = new Map<string, number>()
  #count = 0
  #closed = false

  get count(): number {
    return this.#count
  }

  /**
   * Resolves at the next change of the topic, when the time is over, when the request ends, or when the registry
   * stops; the reader looks again in every case. Undefined where there is no room to wait.
   */
  wait(topic: string, options: WaitOptions): Promise<void> | undefined {
    if (this.#closed || options.signal.aborted) return Promise.resolve()
    const ofCaller = this.#callers.get(options.caller) ?? 0
    if (this.#count >= WAITERS_MAX || ofCaller >= WAITERS_PER_CALLER_MAX) return undefined
    return new Promise((resolve) => this.#add(topic, options, resolve))
  }

  notify(topic: string): void {
    for (const waiter of [...(this.#topics.get(topic) ?? [])]) waiter.wake()
  }

  /** Lets all waiters go; from now on nobody waits. */
  close(): void {
    this.#closed = true
    for (const topic of [...this.#topics.keys()]) this.notify(topic)
  }

  #add(topic: string, { caller, timeoutMs, signal }: WaitOptions, resolve: () => void): void {
    const waiters = this.#topics.get(topic) ?? new Set()
    this.#topics.set(topic, waiters)
    const wake = (): void => {
      if (!waiters.delete(waiter)) return
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      if (waiters.size === 0 && this.#topics.get(topic) === waiters) this.#topics.delete(topic)
      this.#account(caller, -1)
      resolve()
    }
    const waiter: Waiter = { caller, wake }
    const timer = setTimeout(wake, timeoutMs)
    signal.addEventListener('abort', wake, { once: true })
    waiters.add(waiter)
    this.#account(caller, 1)
  }

  #account(caller: string, by: 1 | -1): void {
    this.#count += by
    const left = (this.#callers.get(caller) ?? 0) + by
    if (left > 0) this.#callers.set(caller, left)
    else this.#callers.delete(caller)
  }
}
