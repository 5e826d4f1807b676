import type { AuditEvent } from '@countersign/contract/platform'
import { describe, expect, test } from 'vitest'
import { EDGES_MAX } from '../../limits.ts'
import { testEvent } from '../../testing/event.ts'
import { newEdge } from './new-edge.ts'

const LEARNING = 1_000
const call = (from: string, to: string, more: Partial<AuditEvent> = {}): AuditEvent =>
  testEvent(0, {
    serviceName: to.split('.')[0] ?? '',
    action: to,
    client: { workload: `spiffe://test.local/service/${from}` },
    ...more,
  })
const learned = () => {
  const watcher = newEdge(LEARNING).watch(undefined)
  watcher.observe(call('order', 'payment.charge'), 0)
  return watcher
}
const causes = (found: readonly { cause: string }[]) => found.map(({ cause }) => cause)

describe('a call on an edge never seen before', () => {
  test('is found after the time of learning, once', () => {
    const watcher = learned()
    expect(watcher.observe(call('user', 'payment.refund'), LEARNING - 1)).toEqual([])
    expect(watcher.observe(call('order', 'payment.charge'), LEARNING)).toEqual([])
    expect(watcher.observe(call('user', 'payment.refund'), LEARNING)).toEqual([])
    expect(causes(watcher.observe(call('user', 'payment.charge'), LEARNING))).toEqual([
      'user -> payment.charge',
    ])
    expect(watcher.observe(call('user', 'payment.charge'), LEARNING)).toEqual([])
  })
  test('is found when it was refused, even if the same call is allowed otherwise', () => {
    const denied = { kind: 'event', category: ['api'], type: ['denied'] } as const
    const refusal = (code: string): AuditEvent =>
      call('order', 'payment.charge', {
        status: 'refused',
        event: { ...denied, category: ['api'], type: ['denied'], code },
      })
    const watcher = learned()
    expect(watcher.observe(refusal('RATE_LIMITED'), LEARNING)).toEqual([])
    expect(causes(watcher.observe(refusal('CALLER_FORBIDDEN'), LEARNING))).toEqual([
      'order -x payment.charge',
    ])
  })
  test('is found in what the caller tells of its own calls', () => {
    const event = testEvent(0, {
      countersign: { downstream: [{ hop: 'payment.show', status: 200 }] },
    })
    expect(causes(learned().observe(event, LEARNING))).toEqual(['order -> payment.show'])
  })
  test('what was learned survives a restart, and the time of learning does not begin anew', () => {
    const saved = JSON.parse(JSON.stringify(learned().save?.()))
    const watcher = newEdge(LEARNING).watch(saved)
    expect(watcher.observe(call('order', 'payment.charge'), LEARNING)).toEqual([])
    expect(watcher.observe(call('user', 'payment.charge'), LEARNING)).toHaveLength(1)
  })
  test.each([undefined, null, 7, 'x', {}, { edges: [1], learningUntil: 0 }])(
    'a state like %j is no state',
    (saved) => {
      const watcher = newEdge(LEARNING).watch(saved)
      expect(watcher.observe(call('order', 'payment.charge'), 5_000)).toEqual([])
      expect(watcher.observe(call('user', 'payment.charge'), 5_000 + LEARNING)).toHaveLength(1)
    },
  )
  test('the known edges are bounded, and what is used stays', () => {
    const watcher = learned()
    for (let i = 0; i < EDGES_MAX * 2; i++) {
      watcher.observe(call('scanner', `payment.e${i}${'x'.repeat(120)}`), LEARNING)
      watcher.observe(call('order', 'payment.charge'), LEARNING)
    }
    const saved = watcher.save?.() as { edges: string[] }
    expect(saved.edges).toHaveLength(EDGES_MAX)
    expect(saved.edges).toContain('order -> payment.charge')
    expect(
      newEdge(LEARNING).watch(saved).observe(call('order', 'payment.charge'), LEARNING),
    ).toEqual([])
  })
})
