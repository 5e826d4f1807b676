import { Refusal } from '@countersign/layers'
import { WAITERS_MAX, WAITERS_PER_NAME_MAX } from '../trust/limits.ts'

/** Requests that wait for a change. Bounded, in all and for one caller; one call wakes them all. */
export class Waiters {
  readonly #waiting = new Set<() => void>()
  readonly #perName = new Map<string, number>()

  get size(): number {
    return this.#waiting.size
  }

  /** Waits until `wake`, for `timeoutMs` at most, or until the caller has gone. Throws `Refusal` OVERLOADED. */
  async wait(name: string, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const before = this.#perName.get(name) ?? 0
    if (this.#waiting.size >= WAITERS_MAX || before >= WAITERS_PER_NAME_MAX) {
      throw new Refusal('OVERLOADED', { rule: 'too many requests wait for a change of trust' })
    }
    if (signal?.aborted === true) return
    this.#perName.set(name, before + 1)
    const { promise, resolve: done } = Promise.withResolvers<void>()
    const timer = setTimeout(done, timeoutMs)
    this.#waiting.add(done)
    signal?.addEventListener('abort', () => done(), { once: true })
    await promise
    clearTimeout(timer)
    this.#waiting.delete(done)
    const left = (this.#perName.get(name) ?? 1) - 1
    if (left > 0) this.#perName.set(name, left)
    else this.#perName.delete(name)
  }

  wake(): void {
    for (const done of [...this.#waiting]) done()
  }
}
