import type { NewAuditEvent } from '@countersign/contract/platform'
import type { Workload } from '@countersign/service'
import type { Instance, RegistryState } from './domain/state.ts'
import type { Refused } from './errors.ts'

type Told = Pick<Workload, 'log' | 'metrics' | 'audit'>
type Turn = 'passing' | 'critical' | 'removed' | 'impostor'

/** What the registry tells: log, metric and audit event of one thing leave together. */
export interface Events {
  turned(turn: Turn, instance: Instance): void
  published(service: string): void
  /** A claim on a name, id or path of others. */
  refused(caller: string, endpoint: string, refused: Refused): void
  probed(found: string, seconds: number): void
}

/** Refusals that say more than "you made a mistake": somebody reached for what belongs to others. */
const CLAIMS: ReadonlySet<string> = new Set([
  'NAME_NOT_YOURS',
  'ID_NOT_YOURS',
  'PATH_TAKEN',
  'PATH_RESERVED',
  'ADDRESS_NOT_ALLOWED',
])

export function createEvents(
  { log, metrics, audit }: Told,
  look: { state: () => RegistryState; waiters: () => number },
): Events {
  const turns = metrics.counter(
    'countersign_registry_turns_total',
    'Instances that became passing or critical, were removed, or were found to be impostors',
    ['service', 'turn'],
  )
  const refusals = metrics.counter(
    'countersign_registry_refusals_total',
    'Requests that the registry refused, by reason',
    ['reason'],
  )
  const probes = metrics.histogram(
    'countersign_registry_probe_seconds',
    'Time that a probe of an instance took, by what it found',
    ['found'],
  )
  countLive(metrics, look)
  return {
    turned(turn, instance) {
      turns.inc({ service: instance.name, turn })
      const at = { service: instance.name, id: instance.id, output: instance.output }
      log[turn === 'passing' ? 'info' : 'warn'](at, `instance ${turn}`)
      audit.record(turnEvent(turn, instance))
    },
    published(service) {
      log.info({ service }, 'contract published')
      audit.record(event('contract.publish', 'success', { service }))
    },
    refused(caller, endpoint, refused) {
      refusals.inc({ reason: refused.refused })
      if (!CLAIMS.has(refused.refused)) return
      log.warn({ caller, endpoint, rule: refused.rule }, 'claim refused')
      audit.record(claimEvent(caller, endpoint, refused))
    },
    probed: (found, seconds) => probes.observe({ found }, seconds),
  }
}

function countLive(
  metrics: Told['metrics'],
  look: { state: () => RegistryState; waiters: () => number },
): void {
  metrics.gauge(
    'countersign_registry_instances',
    'Instances that the registry knows, by service and status',
    ['service', 'status'],
    function () {
      this.reset()
      for (const { name, status } of look.state().instances.values())
        this.inc({ service: name, status })
    },
  )
  metrics.gauge('countersign_registry_waiters', 'Requests that wait for a change', [], function () {
    this.set(look.waiters())
  })
}

function turnEvent(turn: Turn, { name, id, address, port, output }: Instance): NewAuditEvent {
  const details = { service: name, instance: id, address: `${address}:${port}` }
  const fine = turn === 'passing'
  const made = event(`instance.${turn}`, fine ? 'success' : 'failure', details, output)
  if (turn !== 'impostor') return made
  return { ...made, event: { ...made.event, category: ['intrusion_detection', 'network'] } }
}

function claimEvent(caller: string, endpoint: string, refused: Refused): NewAuditEvent {
  const made = event(`registry.claim`, 'refused', { endpoint }, refused.rule)
  return {
    ...made,
    event: { ...made.event, type: ['denied'], code: refused.refused },
    client: { workload: caller },
    countersign: {
      ...made.countersign,
      hinge: 'authorise',
      rule: refused.rule.slice(0, 512),
      remedy: refused.remedy,
    },
  }
}

function event(
  action: string,
  status: 'success' | 'failure' | 'refused',
  details: Record<string, string>,
  reason?: string,
): NewAuditEvent {
  return {
    action,
    userId: null,
    status,
    event: {
      kind: 'event',
      category: ['configuration', 'network'],
      type: ['change'],
      ...(reason === undefined ? {} : { reason: reason.slice(0, 512) }),
    },
    countersign: { door: 'registry', details },
  }
}
