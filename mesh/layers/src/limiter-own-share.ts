import { type LimitWindow, type ParsedLimit, windowAt } from '@countersign/contract'
import type { JointVerdict, LimitDemand, LimitState, LimitVerdict } from './limiter.ts'
import { type Bucket, type BucketBook, type BucketNote, partOf, waitUs } from './limiter-smooth.ts'
import { type OpenPage, rightsOf, type Share, type Usage, type UsageBook } from './limiter-usage.ts'
import {
  bucketOutcome,
  type Item,
  itemsOf,
  jointVerdict,
  type Outcome,
  windowOutcome,
} from './limiter-verdict.ts'

/** What one instance decides by. */
export interface OwnBooks {
  readonly usage: UsageBook
  readonly buckets: BucketBook
  readonly share: Share
  /** When Redis was lost last; never, where there is none. */
  readonly lostMs: number
}

/** What one request has counted in one place. */
export type Spent =
  | { readonly usage: Usage; readonly note?: undefined; readonly addedUs?: undefined }
  | {
      readonly usage?: undefined
      readonly note: BucketNote
      readonly addedUs: number
      /** The loss of Redis since which the note counted then. */
      readonly since: number
    }

/** A decision of one instance alone, and what it has counted. */
export interface OwnDecision {
  readonly verdict: JointVerdict
  readonly spent: readonly Spent[]
}

/** One item, looked at. */
interface Look {
  readonly item: Item
  readonly ok: boolean
  /** Of a window. */
  readonly usage?: Usage
  readonly left: number
  /** Of a bucket: this instance's part of it, and when it is full again if the request passes. */
  readonly note?: BucketNote
  readonly part?: Bucket
  readonly nextUs: number
}

/**
 * Decides by what is this instance's own. Counts in all that is asked for, or in nothing. No requests pass in a second
 * in which Redis was lost: of so short a window no rights are kept (see limiter-shared.ts).
 */
export function decideAlone(
  books: OwnBooks,
  demands: readonly LimitDemand[],
  nowMs: number,
): OwnDecision {
  const looks = itemsOf(demands).map((item) => lookAt(books, item, nowMs))
  const allowed = looks.every(({ ok }) => ok)
  const outcomes = looks.map((look) => outcomeOf(look, allowed, nowMs))
  const spent = allowed ? spend(looks) : []
  return { verdict: jointVerdict(demands, allowed, outcomes), spent }
}

/** What was found in each window. Filled again and again: a decision waits for nothing. */
const found: Usage[] = []

/**
 * `decideAlone` for one demand that has windows only, which is what most requests ask: nothing is made but what is told.
 */
export function decideWindows(
  books: OwnBooks,
  { windows }: ParsedLimit,
  key: string,
  nowMs: number,
): LimitVerdict {
  let allowed = true
  found.length = 0
  for (const window of windows) {
    const page = books.usage.pageAt(window.name, nowMs)
    const usage = books.usage.usageOf(page, key)
    found.push(usage)
    if (leftIn(books, window, usage, page.startMs) < 1) allowed = false
  }
  const states: LimitState[] = []
  let retryAfterSeconds = 0
  for (let i = 0; i < windows.length; i++) {
    const window = windows[i]
    const usage = found[i]
    if (window === undefined || usage === undefined) break
    const page = books.usage.pageAt(window.name, nowMs)
    const left = leftIn(books, window, usage, page.startMs)
    const state = stateOf(window, page, nowMs, allowed ? left - 1 : left)
    states.push(state)
    if (allowed) {
      usage.used++
      usage.known++
    } else if (left < 1) retryAfterSeconds = Math.max(retryAfterSeconds, state.resetSeconds)
  }
  return { allowed, windows: states, retryAfterSeconds }
}

function stateOf(window: LimitWindow, page: OpenPage, nowMs: number, left: number): LimitState {
  // Where the clock was set back the page is a later one.
  const span = nowMs >= page.startMs ? page : windowAt(window.name, nowMs)
  return {
    name: window.name,
    max: window.max,
    remaining: Math.max(left, 0),
    resetSeconds: Math.max(Math.ceil((span.endMs - nowMs) / 1000), 1),
    seconds: (span.endMs - span.startMs) / 1000,
  }
}

function lookAt(books: OwnBooks, item: Item, nowMs: number): Look {
  const { key, window, bucket } = item
  if (window !== undefined) {
    const { usage, left } = leftOf(books, window, nowMs, key)
    return { item, ok: left >= 1, usage, left, nextUs: 0 }
  }
  const nowUs = nowMs * 1000
  const part = partOf(bucket, books.share)
  const note = books.buckets.note(key, bucket, part, nowUs)
  const ok = waitUs(part, note.ownUs, nowUs) <= 0
  return { item, ok, left: 0, note, part, nextUs: Math.max(note.ownUs, nowUs) + part.intervalUs }
}

function outcomeOf(
  { item, ok, left, note, part, nextUs }: Look,
  allowed: boolean,
  nowMs: number,
): Outcome {
  if (item.window !== undefined)
    return windowOutcome(item.window, nowMs, { ok, remaining: left - (allowed ? 1 : 0) })
  const fullAtUs = allowed ? nextUs : (note?.ownUs ?? nextUs)
  return bucketOutcome(part ?? item.bucket, nowMs, { ok, fullAtUs })
}

function leftOf(
  books: OwnBooks,
  window: LimitWindow,
  nowMs: number,
  key: string,
): { usage: Usage; left: number } {
  const { usage, startMs } = books.usage.at(window.name, nowMs, key)
  return { usage, left: leftIn(books, window, usage, startMs) }
}

function leftIn(
  { share, lostMs }: OwnBooks,
  { name, max }: LimitWindow,
  usage: Usage,
  startMs: number,
): number {
  const wasOpen = startMs <= lostMs
  const none = wasOpen && (name === 'second' || !usage.sure)
  return none ? 0 : rightsOf(usage, max, share)
}

/** Counts the request, once in each place however often it was named. */
function spend(looks: readonly Look[]): Spent[] {
  const spent = new Map<Usage | BucketNote, Spent>()
  for (const { usage, note, nextUs } of looks) {
    if (usage !== undefined) spent.set(usage, { usage })
    if (note !== undefined)
      spent.set(note, { note, addedUs: nextUs - note.ownUs, since: note.since })
  }
  for (const { usage, note, addedUs } of spent.values()) {
    if (usage !== undefined) usage.used++
    if (usage !== undefined) usage.known++
    if (note === undefined) continue
    note.ownUs += addedUs
    note.used = true
  }
  return [...spent.values()]
}

/** Takes back what a decision has counted. */
export function giveBack(spent: readonly Spent[]): void {
  for (const each of spent) {
    if (each.usage !== undefined) each.usage.used--
    if (each.usage !== undefined) each.usage.known--
    if (each.note !== undefined && each.note.since === each.since) each.note.ownUs -= each.addedUs
  }
}
