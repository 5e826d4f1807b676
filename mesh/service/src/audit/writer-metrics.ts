import type { Metrics } from '@countersign/ground/telemetry'
import type { Spool } from './spool.ts'

/** The figures of the writer. */
export type WriterMetrics = ReturnType<typeof writerMetrics>

export function writerMetrics(metrics: Metrics, spool: Spool) {
  metrics.gauge(
    'countersign_audit_spool_bytes',
    'Bytes of audit events on disk that the collector has not acknowledged',
    [],
    function () {
      this.set(spool.bytes)
    },
  )
  metrics.gauge(
    'countersign_audit_spool_events',
    'Audit events on disk that the collector has not acknowledged',
    [],
    function () {
      this.set(spool.lines)
    },
  )
  return {
    recorded: metrics.counter('countersign_audit_recorded_total', 'Audit events recorded', [
      'status',
    ]),
    dropped: metrics.counter(
      'countersign_audit_dropped_total',
      'Audit events lost because the spool was full or its disk failed',
      ['status'],
    ),
    repeated: metrics.counter(
      'countersign_audit_repeated_total',
      'Refusals that were counted in a summary rather than stored one by one',
    ),
    sent: metrics.counter('countersign_audit_sent_total', 'Audit events the collector has taken'),
    sendFailures: metrics.counter(
      'countersign_audit_send_failures_total',
      'Batches that could not be sent and will be sent again',
    ),
    rejected: metrics.counter(
      'countersign_audit_rejected_total',
      'Audit events that the collector refused as invalid; they lie in rejected.ndjson',
    ),
  }
}
