import { auditEventSchema, type NewAuditEvent } from '@countersign/contract/platform'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { completeEvent } from './complete-event.ts'
import { EVENT_BYTES_MAX } from './limits.ts'

const sender = { service: 'order', instance: 'order-1' }
const fresh = { id: '0197a3c4-6f2b-4c1d-9e8f-001122334455', now: new Date(1_700_000_000_000) }
const said: NewAuditEvent = {
  action: 'order.place',
  userId: 'u-1',
  status: 'success',
  event: { kind: 'event', category: ['api'], type: ['access'] },
}
const complete = (event: unknown) => completeEvent(event as NewAuditEvent, sender, fresh)

describe('completeEvent', () => {
  test('adds id, time, service and instance', () => {
    expect(complete(said).event).toEqual({
      ...said,
      id: fresh.id,
      timestamp: '2023-11-14T22:13:20.000Z',
      serviceName: 'order',
      service: { node: { name: 'order-1' } },
    })
  })
  test('cuts what is too long, with a marker, and keeps the rest', () => {
    const { event } = complete({
      ...said,
      url: { path: 'x'.repeat(5_000) },
      user: { name: 'Ann', roles: Array.from({ length: 100 }, (_, i) => `role ${i}`) },
      countersign: { details: { long: 'y'.repeat(600), ok: true }, rule: 'r'.repeat(2_000) },
    })
    expect(event.url?.path).toHaveLength(1_024)
    expect(event.url?.path.endsWith('…[cut]')).toBe(true)
    expect(event.user?.roles).toHaveLength(32)
    expect(event.user?.name).toBe('Ann')
    expect(event.countersign?.details?.ok).toBe(true)
    expect(String(event.countersign?.details?.long)).toHaveLength(512)
  })
  test('leaves out what the schema does not know or cannot hold', () => {
    const { event } = complete({
      ...said,
      surprise: 1,
      event: { ...said.event, duration: Number.NaN },
      http: { request: { id: 'r', method: 'GET', body: 'secret' } },
      trace: { id: 7 },
    })
    expect(event).not.toHaveProperty('surprise')
    expect(event.http).toEqual({ request: { id: 'r', method: 'GET' } })
    expect(event.event.duration).toBeUndefined()
  })
  test('control characters stay, as JSON', () => {
    const { line } = complete({ ...said, userId: 'a\r\n\u001b[31m\u0000\u2028' })
    expect(line).not.toMatch(/[\r\n]/)
    expect(JSON.parse(line).userId).toBe('a\r\n\u001b[31m\u0000\u2028')
  })
  test('an event that is too large loses its hops and keeps what happened', () => {
    const hop = Object.fromEntries(
      Array.from({ length: 200 }, (_, i) => [`k${i}`, 'v'.repeat(500)]),
    )
    const { event, line } = complete({ ...said, countersign: { rule: 'r', downstream: [hop] } })
    expect(Buffer.byteLength(line)).toBeLessThanOrEqual(EVENT_BYTES_MAX)
    expect(event.countersign).toEqual({ rule: 'r' })
    expect(event.event).toEqual(said.event)
  })
  test('whatever is said, the collector can take it', { timeout: 120_000 }, () => {
    const names = [
      'action',
      'userId',
      'status',
      'event',
      'client',
      'countersign',
      'id',
      'timestamp',
    ]
    const key = fc.oneof(
      fc.constantFrom(...names, 'user', 'roles', 'witness', 'details'),
      fc.string(),
    )
    const value = fc.oneof(fc.anything(), fc.string({ minLength: 1_000, maxLength: 3_000 }))
    const tree = fc.dictionary(key, fc.oneof(value, fc.dictionary(key, fc.array(value))))
    fc.assert(
      fc.property(tree, fc.boolean(), (junk, sound) => {
        const { event, line } = complete(sound ? { ...said, ...junk } : junk)
        expect(auditEventSchema.safeParse(event).error).toBeUndefined()
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(event)))
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(EVENT_BYTES_MAX)
        expect(line).not.toContain('\n')
      }),
      { numRuns: 150 },
    )
  })
})
