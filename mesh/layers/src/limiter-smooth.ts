import type { SmoothRate } from '@countersign/contract'
import { type Share, shareOf } from './limiter-usage.ts'

/*
 * Smooth limits: the generic cell rate algorithm (ITU-T I.371). A bucket of `burst` requests, of which one comes back in
 * each interval. All that is kept of it is the time at which it will be full again ("theoretical arrival time"): the
 * bucket lacks (fullAt - now) / interval requests. Times are microseconds since 1970.
 */
export interface Bucket {
  readonly intervalUs: number
  readonly burst: number
}

/** The bucket of all instances together. Intervals are rounded up: never more than the rate. */
export function bucketOf({ seconds, max, burst }: SmoothRate): Bucket {
  return { intervalUs: Math.ceil((seconds * 1_000_000) / max), burst }
}

/**
 * The part of one instance: its share of the burst, refilled in proportion, so that all parts together are filled as
 * the whole is. A part of no burst lets nothing pass.
 */
export function partOf(whole: Bucket, share: Share): Bucket {
  const burst = shareOf(whole.burst, share)
  const intervalUs = burst === 0 ? 0 : Math.ceil((whole.intervalUs * whole.burst) / burst)
  return { intervalUs, burst }
}

/** How long after `nowUs` the next request fits; 0 or less: it fits. */
export function waitUs({ intervalUs, burst }: Bucket, fullAtUs: number, nowUs: number): number {
  if (burst === 0) return intervalUs + 1_000_000
  return Math.max(fullAtUs, nowUs) + intervalUs - nowUs - burst * intervalUs
}

/** What a caller is told of the bucket. */
export function bucketState(
  { intervalUs, burst }: Bucket,
  fullAtUs: number,
  nowUs: number,
): { remaining: number; resetSeconds: number; seconds: number } {
  const lackUs = Math.max(fullAtUs - nowUs, 0)
  const left = intervalUs === 0 ? 0 : Math.floor((burst * intervalUs - lackUs) / intervalUs)
  return {
    remaining: Math.max(left, 0),
    resetSeconds: Math.max(Math.ceil(lackUs / 1_000_000), 1),
    seconds: Math.max(Math.ceil((burst * intervalUs) / 1_000_000), 1),
  }
}

/** What one instance knows of the bucket of one key. */
export interface BucketNote {
  /** When the bucket of all would be full, as Redis told last. */
  toldUs: number
  /** When this instance's own part would be full. */
  ownUs: number
  /** The loss of Redis since which `ownUs` counts; at the next one the part begins empty again. */
  since: number
  /** Whether anything passed by the own part that Redis has not been told. */
  used: boolean
  /** For the push after a loss. */
  whole: Bucket
}

/**
 * Bounded: two generations of notes. Where notes are dropped that still mattered, parts that are not known begin empty,
 * so that a full table refuses rather than forgets.
 */
export class BucketBook {
  readonly #keysMax: number
  #young = new Map<string, BucketNote>()
  #old = new Map<string, BucketNote>()
  #since = 0
  /** Parts that nothing is known of were empty then. */
  #emptyAtUs: number

  /** `emptyAtUs`: when the bucket was empty at the latest; never, where nothing is said. */
  constructor(keysMax: number, emptyAtUs = Number.NEGATIVE_INFINITY) {
    this.#keysMax = keysMax
    this.#emptyAtUs = emptyAtUs
  }
  /** Redis is lost: what others have let pass is not known, so all own parts begin empty. */
  emptied(nowUs: number): void {
    this.#since++
    this.#emptyAtUs = nowUs
  }
  note(key: string, whole: Bucket, own: Bucket, nowUs: number): BucketNote {
    const known = this.#young.get(key) ?? this.#old.get(key)
    const note = known ?? { toldUs: 0, ownUs: 0, since: -1, used: false, whole }
    note.whole = whole
    this.refresh(note, own, nowUs)
    this.#keep(key, note, nowUs)
    return note
  }
  /** After a loss the own part begins empty; what was let pass by it before is part of what it lacks. */
  refresh(note: BucketNote, own: Bucket, nowUs: number): void {
    if (note.since === this.#since) return
    note.since = this.#since
    note.ownUs = Math.max(this.#emptyAtUs + own.burst * own.intervalUs, nowUs)
  }
  *all(): Generator<{ key: string; note: BucketNote }> {
    for (const notes of [this.#young, this.#old])
      for (const [key, note] of notes) yield { key, note }
  }

  #keep(key: string, note: BucketNote, nowUs: number): void {
    if (this.#young.has(key)) return
    this.#old.delete(key)
    if (this.#young.size >= this.#keysMax / 2) {
      for (const { ownUs } of this.#old.values())
        if (ownUs > nowUs) this.#emptyAtUs = Math.max(this.#emptyAtUs, nowUs)
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, note)
  }
}
