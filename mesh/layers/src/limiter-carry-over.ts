import type { OpenUsage } from './limiter-usage.ts'
import { CARRY_OVER_BATCH } from './limits.ts'

/** Arguments of the script CARRY_OVER for one window, after the time. */
export function carryOverArgs({ seconds, index, usage }: Omit<OpenUsage, 'key'>): string[] {
  return [seconds, index, usage.known, usage.unsent].map(String)
}

/**
 * Tells Redis, after it was away, what it had told and what has passed since. Answers false at the first failure; stops
 * where it is no longer wanted.
 */
export async function carryOver(
  entries: Iterable<OpenUsage>,
  how: {
    readonly send: (entry: OpenUsage) => Promise<boolean>
    readonly wanted: () => boolean
  },
): Promise<boolean> {
  for (const batch of batchesOf(entries)) {
    const sent = await Promise.all(batch.map((entry) => carryOne(entry, how.send)))
    if (sent.includes(false) || !how.wanted()) return false
  }
  return true
}

async function carryOne(
  entry: OpenUsage,
  send: (entry: OpenUsage) => Promise<boolean>,
): Promise<boolean> {
  const { usage } = entry
  const { known, unsent } = usage
  if (known + unsent === 0) return true
  if (!(await send(entry))) return false
  // taken off only now: after a failure in between it may be counted twice, but never not at all
  usage.unsent -= unsent
  usage.known = Math.max(usage.known, known + unsent)
  return true
}

function* batchesOf(entries: Iterable<OpenUsage>): Generator<readonly OpenUsage[]> {
  let batch: OpenUsage[] = []
  for (const entry of entries) {
    batch.push(entry)
    if (batch.length < CARRY_OVER_BATCH) continue
    yield batch
    batch = []
  }
  yield batch
}
