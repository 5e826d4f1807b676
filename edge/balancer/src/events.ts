import { turnedAwayEvent, TurnedAwaySum } from '@countersign/layers'
import type { Workload } from '@countersign/service'

type RefusedWhy = 'total' | 'source' | 'no_gateway' | 'draining'

/** What the balancer tells: log, figures and audit record of an event leave together. */
export interface Events {
  opened(gateway: string, connections: number): void
  closed(gateway: string, connections: number): void
  /** A gateway did not take a connection, or failed a check. */
  failed(gateway: string, kind: 'connect' | 'check', why: string): void
  ejected(gateway: string, why: string): void
  readmitted(gateway: string): void
  /** The set of gateways changed. */
  known(gateways: readonly string[], gone: readonly string[]): void
  /** `address`: whose connections these were, where that is the reason. */
  refused(why: RefusedWhy, address?: string): void
  /** Tells what was summed up until now. */
  flush(): void
}

const TOO_MANY = {
  door: 'balancer',
  code: 'RATE_LIMITED',
  rule: 'connection: one source may have so many open',
} as const

export function createEvents(workload: Pick<Workload, 'log' | 'metrics' | 'audit'>): Events {
  const { log, metrics, audit } = workload
  const open = metrics.gauge('countersign_balancer_connections', 'Open connections', ['gateway'])
  const total = metrics.counter(
    'countersign_balancer_connections_total',
    'Connections handed to a gateway',
    ['gateway'],
  )
  const failures = metrics.counter(
    'countersign_balancer_failures_total',
    'Connections that a gateway did not take, and checks that it did not pass',
    ['gateway', 'kind'],
  )
  const healthy = metrics.gauge(
    'countersign_balancer_gateway_healthy',
    'Whether a gateway gets new connections',
    ['gateway'],
  )
  const refused = metrics.counter(
    'countersign_balancer_refused_total',
    'Connections closed without a gateway',
    ['reason'],
  )
  const record = (action: string, details: Record<string, string>, code?: string): void =>
    audit.record({
      action,
      userId: null,
      status: code === undefined ? 'success' : 'failure',
      event: {
        kind: 'event',
        category: ['network'],
        type: ['change'],
        ...(code === undefined ? {} : { code }),
      },
      countersign: { door: 'balancer', details },
    })
  const turnedAway = new TurnedAwaySum((sum) => audit.record(turnedAwayEvent(sum, TOO_MANY)))
  return {
    opened: (gateway, connections) => {
      open.set({ gateway }, connections)
      total.inc({ gateway })
    },
    closed: (gateway, connections) => open.set({ gateway }, connections),
    failed: (gateway, kind, why) => {
      failures.inc({ gateway, kind })
      log.debug({ gateway, kind, why }, 'a gateway did not answer')
    },
    ejected: (gateway, why) => {
      healthy.set({ gateway }, 0)
      log.warn({ gateway, why }, 'gateway ejected: it gets no new connections')
      record('gateway.eject', { gateway, why }, 'GATEWAY_UNHEALTHY')
    },
    readmitted: (gateway) => {
      healthy.set({ gateway }, 1)
      log.info({ gateway }, 'gateway readmitted')
      record('gateway.readmit', { gateway })
    },
    known: (gateways, gone) => {
      for (const gateway of gone) {
        open.remove({ gateway })
        healthy.remove({ gateway })
      }
      for (const gateway of gateways) healthy.set({ gateway }, 1)
      log.info({ gateways, gone }, 'gateways changed')
    },
    refused: (reason, address) => {
      refused.inc({ reason })
      if (address !== undefined) turnedAway.add(reason, address)
    },
    flush: () => turnedAway.flush(),
  }
}
