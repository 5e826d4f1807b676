import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { Watch } from '../workload.ts'
import { FIRST_ANSWER_MS_MAX, INDEX_MIN, PAUSE_MS, RETRY_MS_MAX, RETRY_MS_MIN } from './limits.ts'

/** A watch that can be waited for. */
export interface FirstAnswer {
  /** Resolves with the first answer of the registry, or when it has failed or taken too long. Never rejects. */
  readonly first: Promise<void>
}
export interface Answer<T> {
  readonly index: number
  /** Undefined where nothing has changed since the last answer. */
  readonly value: T | undefined
}
export interface FollowOptions<T> {
  readonly what: string
  /** Asks for a change after `index`; 0 asks for the state as it is. */
  readonly ask: (index: number, signal: AbortSignal) => Promise<Answer<T>>
  readonly initial: T
  readonly log: Log
  readonly onState: (stale: boolean) => void
}

/**
 * Follows one state of the registry by long polls, and keeps the last one, flagged stale, while the registry is away.
 * After a failure it asks for the whole state: the registry that comes back may have lost what our index meant.
 */
export class Follow<T> implements Watch<T>, FirstAnswer {
  readonly first: Promise<void>
  readonly #options: FollowOptions<T>
  readonly #abort = new AbortController()
  readonly #listeners = new Set<() => void>()
  #value: T
  #stale = true
  #firstDone: () => void = () => {}

  constructor(options: FollowOptions<T>) {
    this.#options = options
    this.#value = options.initial
    this.first = new Promise((resolve) => {
      this.#firstDone = resolve
      setTimeout(resolve, FIRST_ANSWER_MS_MAX).unref()
    })
    void this.#follow()
  }

  current(): T {
    return this.#value
  }
  get stale(): boolean {
    return this.#stale
  }
  /** Tells of each change of the value. Returns the way to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
  close(): void {
    this.#abort.abort()
    this.#listeners.clear()
    this.#firstDone()
  }

  async #follow(): Promise<void> {
    const { signal } = this.#abort
    let index = 0
    let failures = 0
    while (!signal.aborted) {
      try {
        const answer = await this.#options.ask(index, signal)
        if (signal.aborted) return
        this.#accept(answer.value)
        if (answer.index === index && answer.value === undefined) await pause(PAUSE_MS, signal)
        index = nextIndex(index, answer.index)
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        this.#fail(error)
        index = 0
        await pause(retryMs(failures++, Math.random()), signal)
      }
    }
  }

  #accept(value: T | undefined): void {
    const { log, what, onState } = this.#options
    if (this.#stale) log.info({ watch: what }, 'the registry answers')
    this.#stale = false
    onState(false)
    if (value !== undefined) {
      this.#value = value
      for (const listener of [...this.#listeners]) this.#tell(listener)
    }
    this.#firstDone()
  }

  #fail(error: unknown): void {
    const { log, what, onState } = this.#options
    if (!this.#stale) log.warn({ watch: what, reason: messageOf(error) }, 'the registry is away')
    this.#stale = true
    onState(true)
    this.#firstDone()
  }

  /** A listener that throws must not end the watch for the others. */
  #tell(listener: () => void): void {
    try {
      listener()
    } catch (error) {
      this.#options.log.error({ err: error, watch: this.#options.what }, 'a listener failed')
    }
  }
}

/** Consul: an index that went back, or is none, means that the state begins anew. */
export function nextIndex(before: number, answered: number): number {
  return answered >= INDEX_MIN && answered >= before ? answered : 0
}

/** Doubles with each failure; `chance` (0 to 1) takes up to half of it away, so that many do not come back at once. */
export function retryMs(failures: number, chance: number): number {
  const full = Math.min(RETRY_MS_MIN * 2 ** Math.min(failures, 16), RETRY_MS_MAX)
  return full * (1 - chance / 2)
}

/** Ends early, without an error, when the watch is closed. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}
