import type { ParsedLimit } from '@countersign/contract'
import type { LimitVerdict } from './limiter.ts'
import { COUNTED_KEYS_MAX, LIMITED_KEY_CHARS_MAX } from './limits.ts'

/*
 * What one instance knows of the use of limits, in calendar windows: window n of `seconds` begins at n * seconds
 * after the epoch. All counts of a window end together, so a page per window length is all the bookkeeping there is.
 */

/** The use of one key in one window. */
export interface Usage {
  /** Requests that this instance let pass, in whatever way. */
  own: number
  /** The highest count of all instances that Redis has told. */
  known: number
  /** Requests that this instance let pass and that Redis has not counted yet. */
  unsent: number
}

/** The use of one key in one window, and which. */
export interface OpenUsage {
  readonly key: string
  readonly seconds: number
  readonly index: number
  readonly usage: Usage
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

/** The number of the window of `seconds` in which `nowMs` lies. */
export const windowIndex = (nowMs: number, seconds: number): number =>
  Math.floor(nowMs / (seconds * 1000))

const OTHERS = '\0others'

interface Page {
  readonly seconds: number
  index: number
  entries: Map<string, Usage>
}

/** Bounded: see COUNTED_KEYS_MAX. */
export class UsageBook {
  readonly #pages = new Map<number, Page>()
  readonly #keysMax: number
  constructor(keysMax = COUNTED_KEYS_MAX) {
    this.#keysMax = keysMax
  }

  /** The use of `key` in window `index`, to be changed in place; of the latest window, where `index` is over already. */
  of(seconds: number, index: number, key: string): Usage {
    const { entries } = this.#page(seconds, index)
    const known = entries.get(key)
    if (known !== undefined) return known
    const name = entries.size < this.#keysMax ? key.slice(0, LIMITED_KEY_CHARS_MAX) : OTHERS
    const usage = entries.get(name) ?? { own: 0, known: 0, unsent: 0 }
    entries.set(name, usage)
    return usage
  }
  /** Notes what Redis told: the count of all instances, and how many more of it are this instance's own. */
  learn(seconds: number, index: number, told: { key: string; count: number; own: number }): void {
    if (index < this.#page(seconds, index).index) return
    const usage = this.of(seconds, index, told.key)
    usage.known = Math.max(usage.known, told.count)
    usage.own += told.own
  }

  /** Everything that is counted in windows that are open at `nowMs`. */
  *open(nowMs: number): Generator<OpenUsage> {
    for (const { seconds, index, entries } of this.#pages.values()) {
      if (index < windowIndex(nowMs, seconds)) continue
      for (const [key, usage] of entries) if (key !== OTHERS) yield { key, seconds, index, usage }
    }
  }

  #page(seconds: number, index: number): Page {
    let page = this.#pages.get(seconds)
    if (page === undefined) {
      page = { seconds, index, entries: new Map() }
      this.#pages.set(seconds, page)
    }
    if (index > page.index) {
      page.index = index
      page.entries = new Map()
    }
    return page
  }
}

/** How many more requests an instance may let pass in a window, by what it knows. */
export type Allowance = (
  usage: Usage,
  window: { readonly max: number; readonly seconds: number; readonly index: number },
) => number

/** Decides all windows of a limit at once, and counts the request in each with `takeUsage`, or in none. */
export function decideByBook(
  book: UsageBook,
  asked: { readonly key: string; readonly limit: ParsedLimit; readonly nowMs: number },
  rules: {
    readonly allowance: Allowance
    readonly takeUsage: (usage: Usage) => void
  },
): LimitVerdict {
  const { key, limit, nowMs } = asked
  const states = limit.windows.map((window) => {
    const index = windowIndex(nowMs, window.seconds)
    const usage = book.of(window.seconds, index, key)
    return { window, usage, left: rules.allowance(usage, { ...window, index }) }
  })
  const allowed = states.every(({ left }) => left >= 1)
  if (allowed) for (const { usage } of states) rules.takeUsage(usage)
  const taken = allowed ? 1 : 0
  return verdictOf(
    allowed,
    nowMs,
    states.map(({ window, left }) => ({
      window,
      remaining: Math.max(left - taken, 0),
      full: left < 1,
    })),
  )
}

/** Writes the verdict on a request at `nowMs`. `full`: this window is why it was refused. */
export function verdictOf(
  allowed: boolean,
  nowMs: number,
  states: readonly {
    readonly window: ParsedLimit['windows'][number]
    readonly remaining: number
    readonly full: boolean
  }[],
): LimitVerdict {
  let retryAfterSeconds = 0
  const windows = states.map(({ window: { name, max, seconds }, remaining, full }) => {
    const endsMs = (windowIndex(nowMs, seconds) + 1) * seconds * 1000
    const resetSeconds = Math.max(Math.ceil((endsMs - nowMs) / 1000), 1)
    if (!allowed && full) retryAfterSeconds = Math.max(retryAfterSeconds, resetSeconds)
    return { name, max, remaining, resetSeconds }
  })
  return { allowed, windows, retryAfterSeconds }
}
