import type { AuditEvent } from '@countersign/contract/platform'
import { describe, expect, test } from 'vitest'
import { testEvent } from '../../testing/event.ts'
import { refusalBurst } from './refusal-burst.ts'

const refused = (time: number, more: Partial<AuditEvent>): AuditEvent =>
  testEvent(time, { status: 'refused', ...more })
function burst(count: number, more: Partial<AuditEvent>, stepMs = 100): (string | undefined)[] {
  const watcher = refusalBurst.watch(undefined)
  return Array.from({ length: count }, (_, i) => {
    const [finding] = watcher.observe(refused(i * stepMs, more), i * stepMs)
    return finding?.cause
  })
}

describe('burst of refusals', () => {
  test.each([
    ['person u-1', { userId: 'u-1', client: { ip: '10.0.0.1' } }],
    ['address 10.0.0.1', { client: { ip: '10.0.0.1', workload: 'gateway' } }],
    ['workload order', { client: { workload: 'spiffe://test.local/service/order' } }],
    ['workload gateway', { client: { workload: 'spiffe://test.local/gateway/public' } }],
  ])('of %s is found at the fiftieth', (cause, more) => {
    const causes = burst(50, more)
    expect(causes.indexOf(cause)).toBe(49)
  })
  test('over a longer time is none', () => {
    expect(burst(200, { userId: 'u-1' }, 2_000).filter(Boolean)).toEqual([])
  })
  test('of many callers, few each, is none', () => {
    const watcher = refusalBurst.watch(undefined)
    for (let i = 0; i < 1_000; i++)
      expect(watcher.observe(refused(i, { userId: `u-${i % 100}` }), i)).toEqual([])
  })
  test('successes do not count, and nobody is nobody', () => {
    const watcher = refusalBurst.watch(undefined)
    for (let i = 0; i < 200; i++) {
      expect(watcher.observe(testEvent(i, { userId: 'u-1' }), i)).toEqual([])
      expect(watcher.observe(refused(i, {}), i)).toEqual([])
    }
  })
})
