import type { Metrics } from '@countersign/ground/telemetry'
import type { CutReason } from '@countersign/layers'
import type { Follower } from './follower.ts'

/** Counts connections that were ended because the other side is believed no more, of both directions. */
export function cutCounter(metrics: Metrics): (reason: CutReason) => void {
  const cut = metrics.counter(
    'countersign_connections_cut_total',
    'Open connections that were ended because the other side is believed no more',
    ['reason'],
  )
  return (reason) => cut.inc({ reason })
}

/** Counts certificates of our own name that no instance of it shows. */
export function unrequestedCounter(metrics: Metrics): ReturnType<Metrics['counter']> {
  return metrics.counter(
    'countersign_trust_unrequested_certificates_total',
    'Certificates of our own name that no instance reports as its own',
  )
}

/** How the process stands with the authorities. */
export function countTrust(metrics: Metrics, follower: Follower): void {
  const gauges: readonly (readonly [name: string, help: string, value: () => number])[] = [
    [
      'countersign_trust_sequence',
      'Which trust bundle is believed',
      () => follower.status().sequence,
    ],
    [
      'countersign_trust_feed_last_success_timestamp_seconds',
      'When an authority has answered last',
      () => (follower.lastSuccessAt ?? 0) / 1_000,
    ],
    [
      'countersign_trust_list_next_update_timestamp_seconds',
      'Until when the list of revocations counts',
      () => follower.status().nextUpdate / 1_000,
    ],
    [
      'countersign_trust_stale',
      '1 while no authority answers and the last word counts',
      () => Number(follower.status().stale),
    ],
  ]
  for (const [name, help, value] of gauges)
    metrics.gauge(name, help, [], function () {
      this.set(value())
    })
}
