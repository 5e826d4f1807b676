import { RESTART_DELAY_MS_MAX, RESTART_DELAY_MS_MIN, RESTART_RESET_MS } from '../limits.ts'

/** How long to wait before the next start of a process that ended: doubles with each crash, resets after a long life. */
export function nextDelay(previousMs: number | undefined, livedMs: number): number {
  if (previousMs === undefined || livedMs >= RESTART_RESET_MS) return RESTART_DELAY_MS_MIN
  return Math.min(previousMs * 2, RESTART_DELAY_MS_MAX)
}
