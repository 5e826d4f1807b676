import type { Quorum } from '@countersign/contract/platform'
import type { Metrics } from '@countersign/ground/telemetry'
import type { Evidence } from '../evidence/evidence.ts'
import type { Waiters } from '../evidence/waiters.ts'
import { shortId } from '../pki/create-ca.ts'
import { countTrustState, type TrustMetrics } from '../trust-metrics.ts'
import type { Trust } from './trust.ts'

export interface Measured {
  readonly trust: Trust
  readonly evidence: Evidence
  readonly waiters: Waiters
  readonly quorum: () => Promise<Quorum>
  /** Until when the lists of revocations count, by the key id of their issuer. */
  readonly lists: () => ReadonlyMap<string, number>
}

/** Measures trust when it is asked for: ends of CAs, who is up, who has reported, what is missing. */
export function measureTrust(metrics: Metrics, parts: Measured): TrustMetrics {
  const { trust, evidence, waiters, quorum, lists } = parts
  const count = (name: string, help: string, read: () => number): void => {
    metrics.gauge(name, help, [], function () {
      this.set(read())
    })
  }
  count('countersign_trust_sequence', 'Which of all bundles counts', () => trust.sequence())
  count(
    'countersign_trust_reports',
    'Instances that have said what they trust and show',
    () => evidence.reports().length,
  )
  count('countersign_trust_waiters', 'Requests that wait for a change', () => waiters.size)
  metrics.gauge(
    'countersign_root_key_missing',
    'Roots under which this authority should have an intermediate and cannot',
    ['root'],
    function () {
      this.reset()
      for (const id of trust.missing().keys()) this.set({ root: shortId(id) }, 1)
    },
  )
  return countTrustState(metrics, {
    quorum,
    lists: () => [...lists()].map(([issuer, nextUpdate]) => ({ issuer, nextUpdate })),
  })
}
