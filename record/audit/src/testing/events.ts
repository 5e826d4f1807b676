import { createHash } from 'node:crypto'
import type { AuditEvent } from '@countersign/contract/platform'

/** An event for tests. The same name gives the same event, id included. */
export function testEvent(name: string, more: Partial<AuditEvent> = {}): AuditEvent {
  const hex = createHash('sha256').update(name).digest('hex')
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
  return {
    id,
    timestamp: '2026-01-02T03:04:05.678Z',
    serviceName: 'order',
    action: `order.${name}`,
    userId: 'u-1',
    status: 'success',
    event: { kind: 'event', category: ['api'], type: ['access', 'allowed'] },
    http: { request: { id: `request-${name}`, method: 'POST' } },
    ...more,
  }
}

/** The events `e<from>` up to `e<to>`, that one not included. */
export const testEvents = (from: number, to: number): AuditEvent[] =>
  Array.from({ length: to - from }, (_, i) => testEvent(`e${from + i}`))
