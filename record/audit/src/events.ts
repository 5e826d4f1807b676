import type { Log, Metrics } from '@countersign/ground/telemetry'
import type { EntryLog } from './log/entry-log.ts'

/** One function per event: log line and figure leave together. */
export interface Events {
  taken(entries: number, known: number, seconds: number): void
  alerted(rule: string): void
  detectionFailed(error: unknown): void
  catalogueBehind(error: unknown): void
  notSigned(error: unknown): void
}

export function createEvents(to: { log: Log; metrics: Metrics }, entryLog: EntryLog): Events {
  const { log, metrics } = to
  metrics.gauge('countersign_audit_log_size', 'Entries of the audit log', [], function () {
    this.set(entryLog.size)
  })
  metrics.gauge(
    'countersign_audit_log_unsigned',
    'Durable entries that no checkpoint covers yet',
    [],
    function () {
      this.set(entryLog.size - entryLog.signedSize)
    },
  )
  const entriesTotal = metrics.counter('countersign_audit_entries_total', 'Entries appended')
  const knownTotal = metrics.counter(
    'countersign_audit_known_total',
    'Events that came again and were in the log already',
  )
  const appendSeconds = metrics.histogram(
    'countersign_audit_append_seconds',
    'Time until the events of a request were durable',
  )
  const alertsTotal = metrics.counter('countersign_detection_alerts_total', 'Alerts by rule', [
    'rule',
  ])
  const failuresTotal = metrics.counter(
    'countersign_audit_failures_total',
    'Work of the log that failed and is tried again',
    ['what'],
  )
  return {
    taken(entries, known, seconds) {
      entriesTotal.inc(entries)
      knownTotal.inc(known)
      appendSeconds.observe(seconds)
    },
    alerted(rule) {
      alertsTotal.inc({ rule })
      log.warn({ 'rule.id': rule }, 'alert')
    },
    detectionFailed(error) {
      failuresTotal.inc({ what: 'detection' })
      log.error({ err: error }, 'an event could not be looked at by detection')
    },
    catalogueBehind(error) {
      failuresTotal.inc({ what: 'catalogue' })
      log.error({ err: error }, 'the catalogue of the audit log is behind')
    },
    notSigned(error) {
      failuresTotal.inc({ what: 'checkpoint' })
      log.error({ err: error }, 'entries could not be put into tiles and signed; trying again')
    },
  }
}
