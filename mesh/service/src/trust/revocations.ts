import type { RevocationWord } from '@countersign/contract/platform'
import type { Revocable, RevocationList } from '@countersign/layers'
import { TIMER_MS_MAX } from '../identity/limits.ts'
import { LIST_MS_MAX, REVOKED_KEEP_MS, REVOKED_MAX } from './limits.ts'

/*
 * What the authorities have taken back, as one process knows it.
 *
 * - what was taken back once stays so until its certificate has expired: an authority that does not know of it yet, or
 *   was restored from a backup, takes no revocation away
 * - the last list counts until its end; then nobody can tell any more what is good, and nothing is
 * - an end in the far future, by a wrong clock, is cut; a clock that is set back does not move it
 */
export class Revocations implements RevocationList {
  /** Serial or lineage to the end of what it covers, ms since 1970. */
  readonly #serials = new Map<string, number>()
  readonly #lineages = new Map<string, number>()
  readonly #listeners = new Set<() => void>()
  #nextUpdate = 0
  /** Until the first list comes there is only what the constructor was told. */
  #heard = false
  /** The same in `performance.now()`. */
  #end = 0
  #timer: NodeJS.Timeout | undefined

  /** `goodUntil`: how long to go without any list, ms since 1970. */
  constructor(goodUntil: number) {
    this.#extend(goodUntil)
  }

  refusalOf({ serial, lineage }: Revocable): 'REVOKED' | 'LIST_TOO_OLD' | undefined {
    if (this.#serials.has(serial)) return 'REVOKED'
    if (lineage !== undefined && this.#lineages.has(lineage)) return 'REVOKED'
    return this.#counts ? undefined : 'LIST_TOO_OLD'
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
  /** Until when the list counts, ms since 1970. */
  get nextUpdate(): number {
    return this.#nextUpdate
  }
  get size(): number {
    return this.#serials.size + this.#lineages.size
  }
  /** What was taken back, as it is said: for whoever keeps it. */
  words(): readonly RevocationWord[] {
    return [
      ...[...this.#serials].map(([serial, until]) => ({ serial, until })),
      ...[...this.#lineages].map(([lineage, until]) => ({ lineage, until })),
    ]
  }

  /** Takes a word of an authority. Throws `RangeError` where there are more than anybody can keep: none is forgotten. */
  take(words: readonly RevocationWord[], nextUpdate: number): void {
    const now = Date.now()
    this.#prune(now)
    let news = false
    for (const word of words) {
      if (word.until + REVOKED_KEEP_MS < now) continue
      const [taken, key] =
        'serial' in word ? [this.#serials, word.serial] : [this.#lineages, word.lineage]
      const known = taken.get(key)
      if (known === undefined && this.size >= REVOKED_MAX)
        throw new RangeError('more was taken back than can be kept')
      news ||= known === undefined
      taken.set(key, Math.max(known ?? 0, word.until))
    }
    if (!this.#heard) this.#nextUpdate = 0
    this.#heard = true
    this.#extend(Math.min(nextUpdate, now + LIST_MS_MAX))
    if (news) this.#tell()
  }
  close(): void {
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  get #counts(): boolean {
    return Date.now() < this.#nextUpdate && performance.now() < this.#end
  }
  #extend(nextUpdate: number): void {
    // What one authority has promised another does not take back.
    if (!(nextUpdate > this.#nextUpdate)) return
    this.#nextUpdate = nextUpdate
    this.#end = performance.now() + nextUpdate - Date.now()
    this.#watch()
  }
  #watch(): void {
    clearTimeout(this.#timer)
    const left = Math.min(this.#nextUpdate - Date.now(), this.#end - performance.now())
    const look = (): void => (this.#counts ? this.#watch() : this.#tell())
    // A timer may be early by a millisecond, and counts no further than some weeks.
    if (left > 0) this.#timer = setTimeout(look, Math.min(left + 1, TIMER_MS_MAX)).unref()
  }
  #prune(now: number): void {
    for (const taken of [this.#serials, this.#lineages])
      for (const [key, until] of taken) if (until + REVOKED_KEEP_MS < now) taken.delete(key)
  }
  /** Everybody is told, whatever one of them makes of it. Then throws what the first one threw. */
  #tell(): void {
    const faults: unknown[] = []
    for (const listener of [...this.#listeners]) {
      try {
        listener()
      } catch (fault) {
        faults.push(fault)
      }
    }
    if (faults.length > 0) throw faults[0]
  }
}

/** The same list for the way to an authority: one that is too old can only be made new there. */
export function evenIfOld(list: RevocationList): RevocationList {
  return {
    refusalOf: (certificate) => (list.refusalOf(certificate) === 'REVOKED' ? 'REVOKED' : undefined),
    onChange: (listener) => list.onChange(listener),
  }
}
