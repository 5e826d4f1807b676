import type { Entry } from './entry.ts'
import { INVALIDATIONS_MAX, STORE_BYTES_MAX, STORE_ENTRIES_MAX, VARIANTS_MAX } from './limits.ts'

/*
 * Answers in memory, by key; several of one key where they differ by what Vary names. Bounded in bytes and entries: the
 * key that was not used for the longest time goes first. A second index by address finds what an unsafe request has made
 * wrong, whoever it was stored for; and an answer that was asked for before such a request is not stored after it.
 */
export interface Bounds {
  readonly bytesMax: number
  readonly entriesMax: number
}

interface Shelf {
  readonly address: string
  entries: Entry[]
}

export class CacheStore {
  readonly #bounds: Bounds
  readonly #shelves = new Map<string, Shelf>()
  readonly #byAddress = new Map<string, Set<string>>()
  readonly #invalidated = new Map<string, number>()
  /** Acts before this one may have been forgotten. */
  #forgotten = 0
  #sequence = 0
  #bytes = 0
  #count = 0

  /** Milliseconds since 1970. One clock for all that is stored here: entries outlive configurations. */
  readonly now: () => number
  constructor(
    now: () => number,
    bounds: Bounds = { bytesMax: STORE_BYTES_MAX, entriesMax: STORE_ENTRIES_MAX },
  ) {
    this.now = now
    this.#bounds = bounds
  }
  get bytes(): number {
    return this.#bytes
  }
  get count(): number {
    return this.#count
  }
  /** To be remembered when a request goes out, and given back with its answer. */
  get moment(): number {
    return this.#sequence
  }

  /** The newest answer under `key` that is still kept and that `fits`. */
  find(key: string, fits: (entry: Entry) => boolean): Entry | undefined {
    const shelf = this.#shelves.get(key)
    if (shelf === undefined) return undefined
    const nowMs = this.now()
    for (const entry of shelf.entries) if (entry.keptUntil <= nowMs) this.#take(key, shelf, entry)
    const found = shelf.entries.findLast(fits)
    if (found !== undefined) {
      this.#shelves.delete(key)
      this.#shelves.set(key, shelf)
    }
    return found
  }

  /** Stores an answer that was asked for at `moment`, in place of the one with the same Vary. */
  put(at: { key: string; address: string; moment: number }, entry: Entry): void {
    if (entry.bytes > this.#bounds.bytesMax || this.#isOutdated(at)) return
    const shelf = this.#shelf(at.key, at.address)
    const same = shelf.entries.find((each) => isSameVariant(each, entry))
    if (same !== undefined) this.#drop(shelf, same)
    const [oldest] = shelf.entries
    if (shelf.entries.length >= VARIANTS_MAX && oldest !== undefined) this.#drop(shelf, oldest)
    shelf.entries.push(entry)
    this.#bytes += entry.bytes
    this.#count++
    this.#shrink()
  }

  /** Forgets one answer. */
  remove(key: string, entry: Entry): void {
    const shelf = this.#shelves.get(key)
    if (shelf?.entries.includes(entry)) this.#take(key, shelf, entry)
  }

  /** Forgets all answers from this address, for whomever, and those that are under way. */
  invalidate(address: string): void {
    this.#sequence++
    this.#invalidated.delete(address)
    this.#invalidated.set(address, this.#sequence)
    const [first] = this.#invalidated
    if (this.#invalidated.size > INVALIDATIONS_MAX && first !== undefined) {
      this.#invalidated.delete(first[0])
      this.#forgotten = first[1]
    }
    for (const key of this.#byAddress.get(address) ?? []) {
      const shelf = this.#shelves.get(key)
      if (shelf !== undefined) for (const entry of [...shelf.entries]) this.#take(key, shelf, entry)
    }
  }

  #isOutdated({ address, moment }: { address: string; moment: number }): boolean {
    return moment < this.#forgotten || (this.#invalidated.get(address) ?? 0) > moment
  }
  #shelf(key: string, address: string): Shelf {
    const known = this.#shelves.get(key)
    if (known !== undefined) return known
    const shelf = { address, entries: [] }
    this.#shelves.set(key, shelf)
    const keys = this.#byAddress.get(address)
    if (keys === undefined) this.#byAddress.set(address, new Set([key]))
    else keys.add(key)
    return shelf
  }
  #shrink(): void {
    while (this.#bytes > this.#bounds.bytesMax || this.#count > this.#bounds.entriesMax) {
      const [oldest] = this.#shelves
      if (oldest === undefined) return
      const [key, shelf] = oldest
      for (const entry of [...shelf.entries]) this.#take(key, shelf, entry)
    }
  }
  /** Drops an entry, and its shelf with the last one. */
  #take(key: string, shelf: Shelf, entry: Entry): void {
    this.#drop(shelf, entry)
    if (shelf.entries.length > 0) return
    this.#shelves.delete(key)
    const keys = this.#byAddress.get(shelf.address)
    keys?.delete(key)
    if (keys?.size === 0) this.#byAddress.delete(shelf.address)
  }
  #drop(shelf: Shelf, entry: Entry): void {
    shelf.entries = shelf.entries.filter((each) => each !== entry)
    this.#bytes -= entry.bytes
    this.#count--
  }
}

const isSameVariant = (one: Entry, other: Entry): boolean =>
  one.varyDigest === other.varyDigest && one.varyNames.join() === other.varyNames.join()
