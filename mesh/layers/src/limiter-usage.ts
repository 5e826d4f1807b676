import { type WindowName, windowAt } from '@countersign/contract'
import { COUNTED_KEYS_MAX, LIMITED_KEY_CHARS_MAX } from './limits.ts'

/*
 * What one instance knows of the use of limits in calendar windows. All counts of a window end together, so a page for
 * each name of a window is all the bookkeeping there is.
 */

/** What is known of one key in one window. */
export interface Usage {
  /** Requests that this instance let pass, in whatever way. */
  used: number
  /** What others have handed over to this instance, less what it has handed over, as Redis told last. */
  moved: number
  /** What it has begun to hand over, and is not sure to have. */
  moving: number
  /** The highest count of all instances that is known. */
  known: number
  /** Whether `used` and `moved` are all there is: false where another process may have acted for this instance. */
  sure: boolean
}

/** One of several instances that divide a limit between them. */
export interface Share {
  /** 0 to `of` - 1. */
  readonly index: number
  readonly of: number
}

/** The part of `total` that falls to one instance. The parts of all instances make exactly `total`. */
export function shareOf(total: number, { index, of }: Share): number {
  return Math.floor(total / of) + (index < total % of ? 1 : 0)
}

/** How many more requests an instance may let pass without asking anybody. */
export function rightsOf({ used, moved, moving }: Usage, max: number, share: Share): number {
  return shareOf(max, share) - used + moved - moving
}

const OTHERS = '\0others'

interface Page {
  readonly name: WindowName
  startMs: number
  endMs: number
  entries: Map<string, Usage>
}
/** A window, as far as it is known. */
export type OpenPage = Readonly<Pick<Page, 'startMs' | 'endMs'>>

/** The use of one key in one window, and which. */
export interface OpenUsage {
  readonly key: string
  readonly name: WindowName
  readonly startMs: number
  readonly usage: Usage
}

/** Bounded: see COUNTED_KEYS_MAX. Keys above that share one count, so that a full book refuses rather than forgets. */
export class UsageBook {
  readonly #pages = new Map<WindowName, Page>()
  readonly #keysMax: number
  /** Of windows that began later this instance knows all that it did. */
  #sureSinceMs = Number.NEGATIVE_INFINITY
  constructor(keysMax = COUNTED_KEYS_MAX) {
    this.#keysMax = keysMax
  }

  /**
   * The use of `key` in the window of that name in which `nowMs` lies, to be changed in place; in the latest one that is
   * known, where that is over already.
   */
  at(name: WindowName, nowMs: number, key: string): { startMs: number; usage: Usage } {
    const page = this.#page(name, nowMs)
    return { startMs: page.startMs, usage: this.#usageIn(page, key) }
  }
  /** The two halves of `at`, for who wants no object of both. */
  pageAt(name: WindowName, nowMs: number): OpenPage {
    return this.#page(name, nowMs)
  }
  usageOf(page: OpenPage, key: string): Usage {
    return this.#usageIn(page as Page, key)
  }
  #usageIn({ startMs, entries }: Page, key: string): Usage {
    const short = key.length <= LIMITED_KEY_CHARS_MAX ? key : key.slice(0, LIMITED_KEY_CHARS_MAX)
    const known = entries.get(short)
    if (known !== undefined) return known
    const slot = entries.size < this.#keysMax ? short : OTHERS
    const others = entries.get(slot)
    if (others !== undefined) return others
    const usage = { used: 0, moved: 0, moving: 0, known: 0, sure: startMs > this.#sureSinceMs }
    entries.set(slot, usage)
    return usage
  }

  /** Notes what Redis told at `nowMs`: the count of all instances, this one's own, and what was handed over. */
  told(
    name: WindowName,
    nowMs: number,
    says: { key: string; count: number; used: number; moved: number },
  ): void {
    const now = windowAt(name, nowMs).startMs
    const { startMs, usage } = this.at(name, nowMs, says.key)
    if (startMs !== now) return
    if (this.#isShared(name, says.key)) {
      // Of many keys at once nothing can be known.
      usage.sure = false
      return
    }
    usage.known = Math.max(usage.known, says.count)
    usage.used = Math.max(usage.used, says.used)
    usage.moved = says.moved
    usage.sure = true
  }

  /** Somebody else may have acted for this instance: what it knows of windows that are open at `nowMs` is not all. */
  distrust(nowMs: number): void {
    this.#sureSinceMs = nowMs
    for (const { entries } of this.#pages.values())
      for (const usage of entries.values()) usage.sure = false
  }

  /** Nobody knows more than this instance does. */
  trust(): void {
    this.#sureSinceMs = Number.NEGATIVE_INFINITY
  }

  /** Everything that is counted in windows that are open at `nowMs`. */
  *open(nowMs: number): Generator<OpenUsage> {
    for (const { name, startMs, entries } of this.#pages.values()) {
      if (startMs < windowAt(name, nowMs).startMs) continue
      for (const [key, usage] of entries) if (key !== OTHERS) yield { key, name, startMs, usage }
    }
  }

  #isShared(name: WindowName, key: string): boolean {
    return this.#pages.get(name)?.entries.has(key.slice(0, LIMITED_KEY_CHARS_MAX)) !== true
  }
  #page(name: WindowName, nowMs: number): Page {
    let page = this.#pages.get(name)
    if (page !== undefined && nowMs >= page.startMs && nowMs < page.endMs) return page
    const { startMs, endMs } = windowAt(name, nowMs)
    if (page === undefined) {
      page = { name, startMs, endMs, entries: new Map() }
      this.#pages.set(name, page)
    } else if (startMs > page.startMs) {
      page.startMs = startMs
      page.endMs = endMs
      page.entries = new Map()
    }
    return page
  }
}
