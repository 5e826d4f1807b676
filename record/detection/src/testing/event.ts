import type { AuditEvent } from '@countersign/contract/platform'

/** An event for tests, at `time`. */
export function testEvent(time: number, more: Partial<AuditEvent> = {}): AuditEvent {
  return {
    id: '0197a3c4-6f2b-4c1d-9e8f-001122334455',
    timestamp: new Date(time).toISOString(),
    serviceName: 'order',
    action: 'order.place',
    userId: null,
    status: 'success',
    event: { kind: 'event', category: ['api'], type: ['access'] },
    ...more,
  }
}

/** A failed login as the identity provider tells it. */
export function failedLogin(time: number, name: string, ip: string): AuditEvent {
  return testEvent(time, {
    serviceName: 'identity',
    action: 'login.failure',
    status: 'refused',
    event: { kind: 'event', category: ['authentication'], type: ['denied'] },
    user: { name },
    client: { workload: 'gateway', ip },
    http: { request: { id: `request-${time}` } },
  })
}
