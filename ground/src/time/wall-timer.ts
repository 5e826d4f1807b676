/*
 * Certificates, lists and tokens end by the clock on the wall. A timer counts something else: it stands still while the
 * machine sleeps, and does not hear of a clock that is set. So what is due at a time looks at the clock, every second.
 */
const LOOK_MS = 1_000

/** Calls back once, when a time has come. Setting it again forgets the one before. Does not keep the process alive. */
export class WallTimer {
  #timer: NodeJS.Timeout | undefined
  #dueAt: number | undefined

  /** When it will call, in milliseconds since 1970; `undefined` where nothing is set. */
  get dueAt(): number | undefined {
    return this.#dueAt
  }
  /** Calls `act` at `at`, milliseconds since 1970, and never before this call has returned. */
  set(at: number, act: () => void): void {
    this.#dueAt = at
    this.#look(act)
  }
  clear(): void {
    clearTimeout(this.#timer)
    this.#dueAt = undefined
  }

  #look(act: () => void): void {
    clearTimeout(this.#timer)
    const left = Math.max(0, (this.#dueAt ?? 0) - Date.now())
    const step = (): void => {
      if (this.#dueAt === undefined) return
      if (Date.now() < this.#dueAt) {
        this.#look(act)
        return
      }
      this.#dueAt = undefined
      act()
    }
    this.#timer = setTimeout(step, Math.min(left, LOOK_MS)).unref()
  }
}

/** Resolves at `at`, milliseconds since 1970, or when `signal` is aborted, whichever comes first. */
export function waitUntil(at: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = new WallTimer()
    const end = (): void => {
      timer.clear()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    signal?.addEventListener('abort', end)
    timer.set(at, end)
  })
}
