import type { HealthEntry, NewAuditEvent } from '@countersign/contract/platform'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { clientOf, type OnBehalf } from '../client/client.ts'
import { createConnections } from '../client/connections.ts'
import type { Identity, Instances, Workload } from '../workload.ts'

export interface TestWorkload<Name extends string = string> extends Workload<Name>, OnBehalf<Name> {
  /** What was recorded so far. */
  readonly events: NewAuditEvent[]
}

/** A workload without registry and collector: it finds others in `addresses`, and keeps its events. */
export function createTestWorkload<const Name extends string>(
  name: Name,
  identity: Identity,
  addresses: Record<string, () => readonly number[]>,
): TestWorkload<Name> {
  const log = createLog({ service: name, node: `${name}-1`, level: 'silent' })
  const metrics = new Metrics()
  const events: NewAuditEvent[] = []
  const trustDomain = 'test.local'
  const instances = (of: string): Instances => ({
    current: () => (addresses[of]?.() ?? []).map((port) => entry(of, port)),
    stale: false,
    first: Promise.resolve(),
    onChange: () => () => undefined,
    close: () => undefined,
  })
  const connections = createConnections({ trustDomain, identity, log, instances })
  return {
    name,
    instance: `${name}-1`,
    trustDomain,
    identity,
    log,
    metrics,
    events,
    spans: undefined,
    audit: {
      record: (event) => void events.push(event),
      recordDurably: async (event) => void events.push(event),
      flush: async () => 0,
    },
    instances,
    contracts: () => ({
      current: () => [],
      stale: false,
      first: Promise.resolve(),
      onChange: () => () => undefined,
      close: () => undefined,
    }),
    call: (contract) => clientOf(contract, {}, connections) as never,
    callAt: (contract, at) =>
      clientOf(
        contract,
        {},
        createConnections({
          trustDomain,
          identity,
          log,
          name: at.name,
          instances: () => ({ ...instances(at.name), current: () => [entry(at.name, at.port)] }),
        }),
      ) as never,
    callFor: (contract, behalf) => clientOf(contract, behalf, connections),
    close: () => connections.close(),
  }
}

function entry(name: string, port: number): HealthEntry {
  return {
    Node: { Node: 'local', Address: '127.0.0.1', Datacenter: 'local' },
    Service: {
      ID: `${name}-${port}`,
      Service: name,
      Address: '127.0.0.1',
      Port: port,
      Tags: [],
      Meta: {},
    },
    Checks: [],
  }
}
