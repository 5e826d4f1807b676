import type { ParsedLimit } from '@countersign/contract'

export interface LimitVerdict {
  readonly allowed: boolean
  /** State of each window, after this request, in the order of the limit. */
  readonly windows: readonly {
    readonly name: string
    readonly max: number
    readonly remaining: number
    readonly resetSeconds: number
  }[]
  /** Seconds until a request can pass again; 0 where it passed. */
  readonly retryAfterSeconds: number
}

/**
 * Counts requests against limits, in calendar windows (Kong's).
 * Promises: all windows of a limit are decided in one atomic step; a refused request uses up nothing;
 * never throws and never fails open: where a shared store is away, this instance lets pass its own share.
 */
export interface Limiter {
  /** `key` tells what is counted: service, endpoint and who. */
  take(key: string, limit: ParsedLimit): LimitVerdict | Promise<LimitVerdict>
  close(): Promise<void>
}
