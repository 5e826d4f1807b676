import type { TrustReport } from '@countersign/contract/platform'
import { describe, expect, it } from 'vitest'
import { PUBLIC_LIFETIME_MS_MAX } from '../limits.ts'
import { REPORTS_PER_NAME_MAX } from '../trust/limits.ts'
import { Evidence } from './evidence.ts'

const said = (instance: string, changes: Partial<TrustReport> = {}): TrustReport => ({
  ...{ instance, sequence: 1 },
  certificates: [{ serial: 'ab', issuer: 'a'.repeat(40), notAfter: 60_000 }],
  ...changes,
})
function start() {
  const clock = { now: 1_000 }
  const open = () => new Evidence({ now: () => clock.now, onShown: () => undefined })
  return { clock, evidence: open(), other: open() }
}
const instances = (evidence: Evidence) =>
  evidence
    .reports()
    .map(({ instance }) => instance)
    .toSorted()

describe('evidence that a workload makes up', () => {
  it('has of one lineage the instance that it last spoke for, and no thousands', () => {
    const { evidence, clock } = start()
    evidence.note('order', said('order-1'), 'a1')
    for (let i = 0; i < REPORTS_PER_NAME_MAX * 2; i++) {
      clock.now++
      evidence.note('order', said(`forged-${i}`), 'b2')
    }
    expect(instances(evidence)).toEqual([`forged-${REPORTS_PER_NAME_MAX * 2 - 1}`, 'order-1'])
    // A new process under the old name speaks for it; the one before is over.
    evidence.note('order', said('order-1'), 'c3')
    evidence.note('order', said('order-2'), 'a1')
    expect(instances(evidence)).toEqual(expect.arrayContaining(['order-1', 'order-2']))
  })

  it('keeps two names apart, whatever instances they speak for', () => {
    const { evidence } = start()
    evidence.note('payment', said('payment-1', { sequence: 1 }), 'a1')
    evidence.note('order', said('payment-1', { sequence: 9 }), 'b2')
    const found = evidence.reports().find(({ name }) => name === 'payment')
    expect(found).toMatchObject({ instance: 'payment-1', sequence: 1 })
  })

  it('comes to the same at two authorities which one lineage has told different things', async () => {
    const { evidence, other, clock } = start()
    evidence.note('order', said('order-1'), 'a1')
    clock.now += 2_000
    other.note('order', said('order-9'), 'a1')
    for (let i = 0; i < 2; i++) {
      const [one, two] = [evidence.topic.say(), other.topic.say()]
      await evidence.topic.hear(two, 'authority-2')
      await other.topic.hear(one, 'authority-1')
    }
    expect([instances(evidence), instances(other)]).toEqual([['order-9'], ['order-9']])
  })

  it('believes in no certificate that lasts longer than any can', () => {
    const { evidence, clock } = start()
    const [shown] = said('order-1').certificates
    const certificates = shown ? [{ ...shown, notAfter: Number.MAX_SAFE_INTEGER }] : []
    evidence.note('order', said('order-1', { certificates }), 'a1')
    const notAfter = clock.now + PUBLIC_LIFETIME_MS_MAX
    expect(evidence.reports()[0]?.certificates).toMatchObject([{ notAfter }])
  })
})
