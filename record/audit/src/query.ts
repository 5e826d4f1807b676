import { setTimeout as sleep } from 'node:timers/promises'
import type { AuditEvent } from '@countersign/contract/platform'
import type { Catalogue } from './catalogue/catalogue.ts'
import type { Filter } from './catalogue/filter.ts'
import { fromBytes } from './domain/entry.ts'
import { WAITERS_MAX, WAKE_INTERVAL_MS } from './limits.ts'
import type { EntryReader } from './log/entry-reader.ts'

export interface Page {
  readonly entries: { readonly index: number; readonly event: AuditEvent }[]
  /** Entries of the log that this answer has taken into account: where to go on. */
  readonly size: number
}
export interface QueryOptions {
  readonly limit: number
  readonly newestFirst: boolean
  /** How long to wait for an entry where there is none; 0 for not at all. */
  readonly waitMs: number
  readonly signal: AbortSignal
}

/** Answers questions about the log; can wait for an answer. */
export class Queries {
  readonly #catalogue: Catalogue
  readonly #reader: EntryReader
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(catalogue: Catalogue, reader: EntryReader) {
    this.#catalogue = catalogue
    this.#reader = reader
  }

  /** There is something new: those who wait look again. */
  wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }

  /** Sends everybody home who waits: the log is closing. */
  close(): void {
    this.#closed = true
    this.wake()
  }

  async query(filter: Filter, options: QueryOptions): Promise<Page> {
    const end = Date.now() + options.waitMs
    let after = filter.after ?? 0
    for (;;) {
      const size = this.#catalogue.size
      if (this.#closed) return { entries: [], size }
      const found = this.#catalogue.query({ ...filter, after }, options)
      const leftMs = end - Date.now()
      if (found.length > 0 || leftMs <= 0 || options.signal.aborted)
        return { entries: await this.#read(found), size }
      if (this.#waiting.size >= WAITERS_MAX) return { entries: [], size }
      after = Math.max(after, size)
      await this.#news(leftMs, options.signal)
    }
  }

  async #read(indexes: readonly number[]): Promise<Page['entries']> {
    const entries: { index: number; event: AuditEvent }[] = []
    for (const index of indexes)
      entries.push({ index, event: fromBytes(await this.#reader.entry(index)).event })
    return entries
  }

  async #news(timeMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, timeMs)
    const stop = (): void => resolve()
    signal.addEventListener('abort', stop, { once: true })
    this.#waiting.add(resolve)
    await promise
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    this.#waiting.delete(resolve)
    // On a busy log there is always something new: those who wait must not ask of it without end.
    if (!this.#closed) await sleep(WAKE_INTERVAL_MS)
  }
}
