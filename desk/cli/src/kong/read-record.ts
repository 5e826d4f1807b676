import type { AuditEvent } from '@countersign/contract/platform'
import { AUDIT_PAGE_MAX, RECORD_PAGES_MAX } from '../limits.ts'

/** Which events are wanted: the newest `last` of them, none from before `from` (ISO 8601). */
export interface Wanted {
  readonly last: number
  readonly from: string | undefined
}
/** One question to the audit service, answered the newest first. */
export type AskRecord = (query: {
  readonly limit: number
  readonly from?: string
  readonly until?: string
}) => Promise<readonly { readonly index: number; readonly event: AuditEvent }[]>

/**
 * Reads the newest events, page by page. `isCut`: there are older ones that were wanted by their time. A page ends at a
 * moment, and others may have the same one: what comes twice is taken once.
 */
export async function readRecord(
  ask: AskRecord,
  { last, from }: Wanted,
): Promise<{ readonly events: readonly AuditEvent[]; readonly isCut: boolean }> {
  const found = new Map<number, AuditEvent>()
  let until: string | undefined
  for (let page = 0; page < RECORD_PAGES_MAX && last > 0; page++) {
    const entries = await ask({
      limit: AUDIT_PAGE_MAX,
      ...(from === undefined ? {} : { from }),
      ...(until === undefined ? {} : { until }),
    })
    const before = found.size
    for (const { index, event } of entries) found.set(index, event)
    if (entries.length < AUDIT_PAGE_MAX || found.size > last) break
    // A thousand of one moment: what is older cannot be asked for.
    if (found.size === before) return { events: newest(found, last), isCut: true }
    until = entries.at(-1)?.event.timestamp
  }
  return { events: newest(found, last), isCut: found.size > last }
}

const newest = (found: ReadonlyMap<number, AuditEvent>, last: number): readonly AuditEvent[] =>
  [...found]
    .sort(([a], [b]) => b - a)
    .slice(0, last)
    .map(([, event]) => event)
