import type { Quorum } from '@countersign/contract/platform'
import { Metrics } from '@countersign/ground/telemetry'
import { expect, test } from 'vitest'
import { countTrustState } from './trust-metrics.ts'

const ROOT = 'a'.repeat(40)
const CA = 'c'.repeat(40)

test('every end and every authority is a figure, and what is gone is none', async () => {
  let quorum: Quorum = {
    instance: 'authority-1',
    sequence: 1,
    revision: 'r',
    roots: [{ id: ROOT, state: 'active', notAfter: 5_000, keyIsHere: true }],
    authorities: [
      {
        instance: 'authority-2',
        up: false,
        intermediates: [{ id: CA, root: ROOT, state: 'old', notAfter: 7_000 }],
      },
    ],
    revocations: 0,
  }
  const metrics = new Metrics()
  const lists = [{ issuer: CA, nextUpdate: 9_000 }]
  const { stepped } = countTrustState(metrics, { quorum: async () => quorum, lists: () => lists })
  stepped('root', 'retire', 3)
  stepped('intermediate', 'activate', 1)
  const text = await metrics.text()
  for (const line of [
    `countersign_root_expiry_timestamp_seconds{root="${ROOT}",state="active"} 5`,
    `countersign_intermediate_expiry_timestamp_seconds{authority="authority-2",intermediate="${CA}",state="old"} 7`,
    'countersign_authority_peer_up{authority="authority-2"} 0',
    `countersign_crl_next_update_timestamp_seconds{issuer="${CA}"} 9`,
    'countersign_rotation_blockers{kind="root",step="retire"} 3',
  ])
    expect(text).toContain(line)
  stepped('root', 'retire', 0)
  quorum = { ...quorum, roots: [], authorities: [] }
  const after = await metrics.text()
  expect(after).not.toMatch(/_expiry_timestamp_seconds\{|peer_up\{|kind="root"/)
  expect(after).toContain('kind="intermediate",step="activate"} 1')
})
