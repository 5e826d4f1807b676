import { expect, it } from 'vitest'
import type { Report } from './fact.ts'
import { type OnRecord, possiblyInUse } from './record.ts'

const record: OnRecord = {
  ...{ serial: 'ab', lineage: 'ab', issuer: 'a'.repeat(40), name: 'spiffe://t/order' },
  ...{ kind: 'join', askedAt: 0, notAfter: 1_000 },
}
const report = (name: string): Report => ({
  ...{ name, instance: `${name}-1`, sequence: 1, at: 0, lineage: 'cd' },
  // It says another issuer, so that its own report stands in nobody's way.
  certificates: [{ serial: 'ab', issuer: 'b'.repeat(40), notAfter: 1_000 }],
})
const inUse = (...reports: Report[]) =>
  possiblyInUse([record], {
    ...{ reports, now: 10, deliveredMs: 5, siblings: () => [], isRevoked: () => false },
    nameOf: (id) => id.replace('spiffe://t/', ''),
  })

it('nobody hides a certificate that was made for another name', () => {
  expect(inUse()).toEqual([record])
  expect(inUse(report('payment'))).toEqual([record])
  expect(inUse(report('order'))).toEqual([])
})
