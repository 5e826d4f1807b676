import { RETRY_BURST, RETRY_SHARE, RETRY_TIME_LEFT_MS_MIN } from './limits.ts'
import type { UpstreamError, UpstreamErrorCode } from './upstream-error.ts'

/**
 * Response header of a 503 with which a workload of the platform states that it has not begun with the request, so that
 * it may be sent elsewhere. Its value is `1`. Never handed on to a client.
 */
export const NOT_STARTED_HEADER = 'countersign-not-started'

/** What is known after an attempt that failed. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number
  /** How often it may be sent in all; 2 where nothing else is said. */
  readonly triesMax?: number
  /** Whether doing it twice is the same as once: by its method, by contract, or by its idempotency key. */
  readonly idempotent: boolean
  /** Whether the body can be sent again; a stream cannot. */
  readonly replayable: boolean
  readonly timeLeftMs: number
  /** The failure, or the answer. */
  readonly error?: UpstreamError
  readonly status?: number
  /** Whether the answer bears NOT_STARTED_HEADER. */
  readonly notStarted?: boolean
}

/*
 * A request may be sent once more, to another instance, if
 *
 * - it was sent once, or less often than the caller allows, and can be sent again
 * - there is time left
 * - nothing of an answer was seen, or the answer is a 503 that states that nothing was begun
 * - it certainly never reached the other side, or it is idempotent
 * - it failed for a reason that another instance need not share
 * - the budget of retries is not spent (RetryBudget)
 */
const ELSEWHERE: ReadonlySet<UpstreamErrorCode> = new Set([
  'CONNECT_FAILED',
  'PEER_REFUSED',
  'CONNECTION_LOST',
  'OVERLOADED',
  'CLOSED',
])

/** Decides by the rules above, all but the last. */
export function mayRetry(attempt: Attempt): boolean {
  if (attempt.number >= (attempt.triesMax ?? 2) || !attempt.replayable) return false
  if (!(attempt.timeLeftMs >= RETRY_TIME_LEFT_MS_MIN)) return false
  const { error } = attempt
  if (error === undefined) return attempt.status === 503 && attempt.notStarted === true
  if (error.answered || !ELSEWHERE.has(error.code)) return false
  return !error.sent || attempt.idempotent
}

/** Bounds retries to a share of all requests, so that a service in trouble is not pushed deeper. */
export class RetryBudget {
  #tokens = RETRY_BURST

  /** Call for each request, not for its retry. */
  earn(): void {
    this.#tokens = Math.min(this.#tokens + RETRY_SHARE, RETRY_BURST)
  }
  /** Takes the right to one retry, if there is one. */
  spend(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
/** RFC 9110 section 9.2.2. TRACE is not answered anywhere here. */
export function isIdempotentMethod(method: string): boolean {
  return IDEMPOTENT.has(method)
}
