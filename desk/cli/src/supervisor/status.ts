import { workloadId } from '@countersign/contract'
import type { PlatformStatus } from './control-protocol.ts'
import type { Engines } from './engines.ts'
import type { Seen } from './probe.ts'
import type { ProcessState, Supervised } from './supervise.ts'

type ProcessRow = PlatformStatus['processes'][number]

/** One process as `status` shows it: what we know of it, and what it has proven of itself just now. */
export function statusOf(
  { spec, state }: Pick<Supervised, 'spec' | 'state'>,
  facts: { seen: Seen | undefined; trustDomain: string; engines: Engines | undefined },
): ProcessRow {
  const { seen, trustDomain, engines } = facts
  return {
    name: spec.instance,
    service: spec.name,
    pid: state.pid ?? null,
    spiffeId: seen?.spiffeId ?? workloadId(trustDomain, spec.name),
    port: spec.port,
    health: healthOf(state, seen),
    waitsFor: seen?.waitsFor ?? null,
    certificate: seen?.certificate ?? null,
    trust: seen?.trust ?? null,
    engine: engineOf(spec.name, engines),
    restarts: state.restarts,
  }
}

function healthOf({ status }: ProcessState, seen: Seen | undefined): ProcessRow['health'] {
  if (status === 'ready') return seen?.ready === true ? 'ready' : 'not ready'
  return status === 'waiting' ? 'restarting' : status
}

const ENGINE_OF: Readonly<Record<string, string>> = {
  identity: 'postgres',
  user: 'postgres',
  order: 'postgres',
  payment: 'dynamodb',
  gateway: 'redis',
}

function engineOf(name: string, engines: Engines | undefined): string | null {
  const engine = engines?.status().find((each) => each.name === ENGINE_OF[name])
  return engine?.inUse ?? null
}
