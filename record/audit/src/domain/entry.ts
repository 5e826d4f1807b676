import type { AuditEvent } from '@countersign/contract/platform'

/** An event and its bytes in the log: UTF-8 JSON, exactly as they are hashed. */
export interface Entry {
  readonly event: AuditEvent
  readonly bytes: Buffer
}

export function toEntry(event: AuditEvent): Entry {
  return { event, bytes: Buffer.from(JSON.stringify(event)) }
}

/** Reads an entry that `toEntry` wrote and the log has verified. */
export function fromBytes(bytes: Buffer): Entry {
  return { event: JSON.parse(bytes.toString('utf8')), bytes }
}
