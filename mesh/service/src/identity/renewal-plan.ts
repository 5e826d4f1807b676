import {
  RENEW_AT,
  RENEW_JITTER,
  RETRY_PAUSE_MS_MAX,
  RETRY_PAUSE_MS_MIN,
  RETRY_SHARE,
} from './limits.ts'

/*
 * - the first attempt comes a little before half of the life, a tenth earlier or later, so that workloads which started
 *   together do not renew together, and every one of them can do without any authority for half of a life, and be back
 * - failed attempts are repeated with pauses that double, from a sixteenth of what is left or a second, whichever is
 *   shorter, each cut by up to a half at random
 * - no attempt is planned after the end
 *
 * `luck` is a random number from 0 up to 1.
 */

/** Milliseconds until the first attempt. */
export function renewalDelay(remainingMs: number, luck: number): number {
  const share = RENEW_AT * (1 + RENEW_JITTER * (2 * luck - 1))
  return Math.max(0, remainingMs * share)
}

/** Milliseconds until the next attempt after `failures` failed ones; `undefined` when it would come too late. */
export function retryDelay(
  remainingMs: number,
  failures: number,
  luck: number,
): number | undefined {
  if (!(remainingMs > 0)) return undefined
  const first = Math.min(1_000, remainingMs * RETRY_SHARE)
  const pause = Math.min(RETRY_PAUSE_MS_MAX, first * 2 ** Math.min(failures - 1, 20))
  // Near the end the pauses shrink with what is left: the last seconds are not slept through.
  const bounded = Math.max(RETRY_PAUSE_MS_MIN, Math.min(pause, remainingMs / 4)) * (1 - luck / 2)
  return bounded < remainingMs ? bounded : undefined
}
