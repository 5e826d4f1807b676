import { READY_BY_ANY_ANSWER, READY_META } from '@countersign/contract/platform'
import type { ProbeResult } from '../domain/probed.ts'
import { probeAfterMs } from '../domain/probed.ts'
import type { Instance } from '../domain/state.ts'
import { PROBES_AT_ONCE_MAX } from '../limits.ts'

/** Looks at an address. Promises: answers within `PROBE_TIMEOUT_MS` or soon after, and never rejects. */
export type Probe = (at: ProbedAt) => Promise<ProbeResult>

interface ProbedAt {
  readonly name: string
  readonly host: string
  readonly port: number
  /** It has no `/readyz`: any answer that is no failure of its own will do. */
  readonly anyAnswer?: boolean
}

export interface ProberOptions {
  readonly probe: Probe
  /** The instance as it is now; undefined when it is gone. */
  readonly find: (key: string) => Instance | undefined
  readonly done: (key: string, generation: number, result: ProbeResult) => void
}

/** Probes each instance again and again, a bounded number at the same time. */
export class Prober {
  readonly #options: ProberOptions
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  #closed = false

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /** Probes now, or right after the probe that is under way. */
  soon(key: string): void {
    if (this.#closed) return
    clearTimeout(this.#timers.get(key))
    this.#timers.delete(key)
    this.#waiting.add(key)
    this.#next()
  }

  close(): void {
    this.#closed = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    this.#waiting.clear()
  }

  #next(): void {
    for (const key of this.#waiting) {
      if (this.#running.size >= PROBES_AT_ONCE_MAX) return
      if (this.#running.has(key)) continue
      this.#waiting.delete(key)
      void this.#run(key)
    }
  }

  async #run(key: string): Promise<void> {
    const { probe, find, done } = this.#options
    const target = find(key)
    if (target === undefined) return
    this.#running.add(key)
    const { name, address: host, port, generation, meta } = target
    const anyAnswer = meta[READY_META] === READY_BY_ANY_ANSWER
    const result = await probe({ name, host, port, ...(anyAnswer ? { anyAnswer } : {}) })
    this.#running.delete(key)
    if (this.#closed) return
    done(key, generation, result)
    this.#schedule(key)
    this.#next()
  }

  #schedule(key: string): void {
    const instance = this.#options.find(key)
    if (instance === undefined || this.#waiting.has(key) || this.#closed) return
    clearTimeout(this.#timers.get(key))
    // A little sooner or later each time, so that the probes of many instances spread out.
    const delay = probeAfterMs(instance) * (0.95 + Math.random() * 0.1)
    this.#timers.set(
      key,
      setTimeout(() => this.soon(key), delay),
    )
  }
}
