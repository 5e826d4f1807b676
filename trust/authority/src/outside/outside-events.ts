import type { Refusal } from '@countersign/layers'
import type { Workload } from '@countersign/service'

/** What the outside door tells. Requests of strangers come in floods: they are counted, and only faults of ours are logged. */
export interface OutsideEvents {
  /** `route` is the pattern, never the path that was asked. */
  answered(route: string, status: number): void
  refused(refusal: Refusal, requestId: string): void
  /** A connection too many of one address. */
  crowded(): void
  certified(serial: string, notAfter: number): void
  notCertified(error: unknown, retryMs: number): void
}

export function createOutsideEvents({ log, metrics }: Pick<Workload, 'log' | 'metrics'>) {
  const requests = metrics.counter(
    'countersign_outside_requests_total',
    'Requests at the outside door that a route answered',
    ['route', 'status'],
  )
  const refusals = metrics.counter(
    'countersign_outside_refused_total',
    'Requests at the outside door that were refused before a route',
    ['code'],
  )
  const expiry = metrics.gauge(
    'countersign_outside_certificate_expiry_timestamp_seconds',
    'When the certificate of the outside door ends',
  )
  const events: OutsideEvents = {
    answered(route, status) {
      requests.inc({ route, status: String(status) })
    },
    refused(refusal, requestId) {
      refusals.inc({ code: refusal.code })
      if (refusal.status === 500) log.error({ err: refusal, requestId }, 'the outside door failed')
    },
    crowded() {
      refusals.inc({ code: 'CONNECTIONS' })
    },
    certified(serial, notAfter) {
      expiry.set(notAfter / 1_000)
      log.info({ serial }, 'the outside door shows a new certificate')
    },
    notCertified(error, retryMs) {
      log.warn({ err: error, retryMs }, 'no certificate for the outside door yet')
    },
  }
  return events
}
