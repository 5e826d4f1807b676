import { type LimitWindow, windowAt } from '@countersign/contract'
import type { JointVerdict, LimitDemand, LimitState, LimitVerdict } from './limiter.ts'
import { type Bucket, bucketOf, bucketState, waitUs } from './limiter-smooth.ts'

/** One thing that is counted: a window of a limit, or its smooth rate. */
export type Item =
  | { readonly key: string; readonly window: LimitWindow; readonly bucket?: undefined }
  | { readonly key: string; readonly window?: undefined; readonly bucket: Bucket }

/** All that is counted for these demands, in their order, the smooth rate of each last. */
export function itemsOf(demands: readonly LimitDemand[]): Item[] {
  const items: Item[] = []
  for (const { key, limit } of demands) {
    for (const window of limit.windows) items.push({ key, window })
    if (limit.smooth !== undefined) items.push({ key, bucket: bucketOf(limit.smooth) })
  }
  return items
}

/** What came out for one item. `ok`: there was room for this request. */
export interface Outcome {
  readonly ok: boolean
  readonly remaining: number
  readonly resetSeconds: number
  readonly seconds: number
  /** Where there was no room: seconds until there is. */
  readonly retryAfterSeconds: number
}

/** The outcome for a window of which `left` requests were left, before this one. */
export function windowOutcome(
  window: LimitWindow,
  nowMs: number,
  found: { readonly ok: boolean; readonly remaining: number; readonly soon?: boolean },
): Outcome {
  const { startMs, endMs } = windowAt(window.name, nowMs)
  const resetSeconds = Math.max(Math.ceil((endMs - nowMs) / 1000), 1)
  return {
    ok: found.ok,
    remaining: Math.max(found.remaining, 0),
    resetSeconds,
    seconds: (endMs - startMs) / 1000,
    retryAfterSeconds: found.soon === true ? 1 : resetSeconds,
  }
}

/** The outcome for a bucket that was to be full at `fullAtUs`; `taken`: this request is in it already. */
export function bucketOutcome(
  bucket: Bucket,
  nowMs: number,
  found: { readonly ok: boolean; readonly fullAtUs: number },
): Outcome {
  const nowUs = nowMs * 1000
  const needed = waitUs(bucket, found.fullAtUs, nowUs)
  return {
    ok: found.ok,
    ...bucketState(bucket, found.fullAtUs, nowUs),
    retryAfterSeconds: Math.max(Math.ceil(needed / 1_000_000), 1),
  }
}

/** Puts the outcomes of all items together: everything is allowed, or nothing is. */
export function jointVerdict(
  demands: readonly LimitDemand[],
  allowed: boolean,
  outcomes: readonly Outcome[],
): JointVerdict {
  let at = 0
  let latest = 0
  const verdicts = demands.map(({ limit }): LimitVerdict => {
    const states: LimitState[] = []
    let ok = true
    let retryAfterSeconds = 0
    const { windows, smooth } = limit
    for (let i = 0; i < windows.length + (smooth === undefined ? 0 : 1); i++) {
      const outcome = outcomes[at++]
      if (outcome === undefined) break
      const { name, max } = windows[i] ?? { name: 'burst', max: smooth?.burst ?? 0 }
      const { remaining, resetSeconds, seconds } = outcome
      states.push({ name, max, remaining, resetSeconds, seconds })
      if (outcome.ok) continue
      ok = false
      retryAfterSeconds = Math.max(retryAfterSeconds, outcome.retryAfterSeconds)
    }
    latest = Math.max(latest, retryAfterSeconds)
    return {
      allowed: allowed || ok,
      windows: states,
      retryAfterSeconds: allowed ? 0 : retryAfterSeconds,
    }
  })
  return { allowed, verdicts, retryAfterSeconds: allowed ? 0 : Math.max(latest, 1) }
}
