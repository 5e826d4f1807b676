import type { Log } from '@countersign/ground/telemetry'
import type { Pool } from 'pg'
import { SWEEP_BATCHES_MAX, SWEEP_MS, SWEEP_ROWS_MAX } from '../limits.ts'

/** Deletes what has expired, in small steps. Returns how many rows went; what is left waits for the next time. */
export async function sweep(pool: Pool): Promise<number> {
  let total = 0
  for (let batch = 0; batch < SWEEP_BATCHES_MAX; batch++) {
    const { rowCount } = await pool.query(
      `DELETE FROM provider_entry WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM provider_entry WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED))`,
      [SWEEP_ROWS_MAX],
    )
    total += rowCount ?? 0
    if ((rowCount ?? 0) < SWEEP_ROWS_MAX) break
  }
  return total
}

/** Sweeps from time to time until it is stopped. */
export function startSweeping(pool: Pool, log: Log): () => void {
  let running = false
  const timer = setInterval(async () => {
    if (running) return
    running = true
    try {
      await sweep(pool)
    } catch (error) {
      log.warn({ err: error }, 'expired entries could not be deleted')
    } finally {
      running = false
    }
  }, SWEEP_MS)
  timer.unref()
  return () => clearInterval(timer)
}
