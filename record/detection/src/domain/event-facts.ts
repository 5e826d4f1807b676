import type { AuditEvent } from '@countersign/contract/platform'
import { parseSpiffeId } from '@countersign/ground/spiffe'

/** When it happened, in milliseconds: what the sender says, but never later than it was received. */
export function timeOf(event: AuditEvent, now: number): number {
  const said = Date.parse(event.timestamp)
  return said <= now ? said : now
}

/** How many events this one stands for. */
export function weightOf(event: AuditEvent): number {
  return event.countersign?.repeated ?? 1
}

/** The calling workload by its short name, whichever way the door wrote it. */
export function callerOf(event: AuditEvent): string | undefined {
  const workload = event.client?.workload
  const path = workload === undefined ? undefined : parseSpiffeId(workload)?.path
  if (path === undefined) return workload
  const [, kind, name] = path.split('/')
  return kind === 'gateway' ? kind : name
}
