import type { ParsedLimit } from '@countersign/contract'

/** What is to be counted, and against what. */
export interface LimitDemand {
  /** Tells what is counted: service, endpoint and who. */
  readonly key: string
  readonly limit: ParsedLimit
}

export interface LimitState {
  /** Of the window; `burst` for a smooth rate. */
  readonly name: string
  readonly max: number
  readonly remaining: number
  /** Seconds until the window ends, or the bucket is full again; at least 1. */
  readonly resetSeconds: number
  /** How long the window is, or how long an empty bucket takes to fill. */
  readonly seconds: number
}

export interface LimitVerdict {
  readonly allowed: boolean
  /** State after this request: of each window in the order of the limit, then of its smooth rate. */
  readonly windows: readonly LimitState[]
  /** Seconds until a request can pass again; 0 where it passed. */
  readonly retryAfterSeconds: number
}

/** The verdict on several demands of one request. */
export interface JointVerdict {
  /** All have passed and all have counted, or nothing of it has. */
  readonly allowed: boolean
  /** One for each demand. Where the whole is refused, `allowed` tells which of them had room. */
  readonly verdicts: readonly LimitVerdict[]
  readonly retryAfterSeconds: number
}

/**
 * Counts requests against limits: in calendar windows (Kong's, in UTC), and smoothly (GCRA).
 * Promises: everything that is asked at once is decided in one atomic step; a refused request uses up nothing;
 * never throws and never fails open: where a shared store is away, this instance lets pass what is its own.
 */
export interface Limiter {
  take(key: string, limit: ParsedLimit): LimitVerdict | Promise<LimitVerdict>
  /** Several limits with different keys, for one request. */
  takeAll(demands: readonly LimitDemand[]): JointVerdict | Promise<JointVerdict>
  close(): Promise<void>
}

/** `take` in terms of `takeAll`. */
export function takeOne(
  limiter: Pick<Limiter, 'takeAll'>,
  demand: LimitDemand,
): LimitVerdict | Promise<LimitVerdict> {
  const joint = limiter.takeAll([demand])
  return joint instanceof Promise ? joint.then(onlyOf) : onlyOf(joint)
}
function onlyOf({ allowed, verdicts, retryAfterSeconds }: JointVerdict): LimitVerdict {
  const [only] = verdicts
  if (only?.allowed === allowed) return only
  return { allowed, windows: only?.windows ?? [], retryAfterSeconds }
}
