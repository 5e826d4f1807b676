import { audit } from '@countersign/contract/platform'
import type { AuditEvent } from '@countersign/contract/platform'
import type { Connected } from '@countersign/service'
import { EXPLAIN_WAIT_MS } from '../limits.ts'

export interface Entry {
  readonly index: number
  readonly event: AuditEvent
}

/** How long after the first event of a request the others are waited for. */
const SETTLE_MS = 300
const STEP_MS = 100

/**
 * The events of a request, oldest first. A door answers first and records then, so events are waited for: until
 * `enough` says so, or nothing more has come for a moment, or the time is over.
 */
export async function readRequest(
  link: Connected<'desk'>,
  requestId: string,
  options: { enough?: (entries: readonly Entry[]) => boolean; waitMs?: number } = {},
): Promise<readonly Entry[]> {
  const end = performance.now() + (options.waitMs ?? EXPLAIN_WAIT_MS)
  let entries: readonly Entry[] = []
  let grewAt = performance.now()
  for (;;) {
    const found = await link.call(audit).query({ query: { requestId, limit: 1_000 } })
    if (found.entries.length > entries.length) grewAt = performance.now()
    entries = found.entries
    const now = performance.now()
    if (options.enough?.(entries) === true || now >= end) return entries
    const settled = entries.length > 0 && now - grewAt >= SETTLE_MS
    if (options.enough === undefined && settled) return entries
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
}
