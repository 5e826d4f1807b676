import type { TargetState } from '@countersign/kong'
import { REPORT_TARGETS_MAX } from '../limits.ts'
import type { Group } from './group.ts'
import type { Side } from './side.ts'

/** What is found of a target, as the control plane is told. */
export interface TargetReport {
  readonly target: string
  readonly health: 'HEALTHY' | 'UNHEALTHY' | 'DNS_ERROR'
  readonly addresses: readonly {
    readonly ip: string
    readonly port: number
    readonly health: 'HEALTHY' | 'UNHEALTHY'
  }[]
}

/** Each address of each target, as Kong's metrics have it. */
export function* targetStates(groups: Iterable<Group>): Iterable<TargetState> {
  for (const group of groups) {
    const upstream = group.plan.upstream?.name
    if (upstream === undefined) continue
    for (const side of group.sides) {
      const { target } = side.plan
      const { addresses, health } = reportOf(side)
      if (addresses.length === 0) yield { upstream, target, address: '', state: lower(health) }
      for (const { ip, port, health: state } of addresses)
        yield { upstream, target, address: `${ip}:${port}`, state: lower(state) }
    }
  }
}
const lower = (health: TargetReport['health']): TargetState['state'] =>
  health === 'HEALTHY' ? 'healthy' : health === 'UNHEALTHY' ? 'unhealthy' : 'dns_error'

/** What is found of all targets of upstream entities. One that several services reach is as bad as the worst of it. */
export function reports(groups: Iterable<Group>): TargetReport[] {
  const all = new Map<string, TargetReport>()
  for (const group of groups)
    for (const side of group.sides) {
      const { id } = side.plan
      if (id === undefined || (!all.has(id) && all.size >= REPORT_TARGETS_MAX)) continue
      const report = reportOf(side)
      const known = all.get(id)
      if (known === undefined || known.health === 'HEALTHY') all.set(id, { ...report, target: id })
    }
  return [...all.values()]
}

/** A target is healthy as long as one of its addresses is. */
function reportOf({ plan, members, places }: Side): TargetReport {
  const addresses = [...members].map(({ instance, place }) => ({
    ip: place.host,
    port: place.port,
    health: isHealthy(instance) ? ('HEALTHY' as const) : ('UNHEALTHY' as const),
  }))
  const healthy = addresses.some(({ health }) => health === 'HEALTHY')
  const unknown = addresses.length === 0 && places.fault?.kind === 'unknown'
  return {
    target: plan.target,
    health: healthy ? 'HEALTHY' : unknown ? 'DNS_ERROR' : 'UNHEALTHY',
    addresses,
  }
}

/** A target that is tried again has not shown yet that it works. */
const isHealthy = ({
  up,
  breaker,
}: {
  readonly up: boolean
  readonly breaker: { readonly mode: string }
}): boolean => up && breaker.mode === 'closed'
