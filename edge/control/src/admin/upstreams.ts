import { type Entity, type KongConfig, refId } from '@countersign/kong'
import type { Gateways, TargetHealth } from '../feed/gateways.ts'
import type { ControlPlane } from '../plane/control-plane.ts'
import { causeOf } from './entities.ts'
import { type Answer, type Asked, NO_CONTENT, NOT_FOUND, notAllowed, ok } from './exchange.ts'
import type { View } from './view.ts'

/*
 * What is special about upstreams: `/targets/all`, `/health`, and `PUT …/targets/{target}[/{ip:port}]/healthy|unhealthy`.
 */
export interface Upstreams {
  readonly plane: ControlPlane
  readonly view: View
  readonly gateways: Gateways
  readonly nodeId: string
  readonly now: () => number
}
type UpstreamEntity = KongConfig['upstreams'][number]

/** Answers what is special; `undefined` for what is an entity like others. */
export function answerUpstreams(on: Upstreams, asked: Asked): undefined | Answer | Promise<Answer> {
  const [first, id = '', second, third, ...rest] = asked.segments
  if (first !== 'upstreams' || second === undefined) return undefined
  const last = rest.at(-1)
  const turning = second === 'targets' && (last === 'healthy' || last === 'unhealthy')
  const whole = second === 'targets' && third === 'all' && rest.length === 0
  if (second !== 'health' && !turning && !whole) return undefined
  const upstream = on.view.find('upstreams', id)
  if (upstream === undefined) return NOT_FOUND
  if (turning)
    return turn(on, asked, { upstream, target: third ?? '', healthy: last === 'healthy' })
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return notAllowed('GET', 'HEAD')
  if (whole) return ok({ data: targetsOf(on, upstream.id), next: null })
  const given = asked.query.get('balancer_health')
  return given === '1' || given === 'true' ? balancerHealth(on, upstream) : health(on, upstream)
}

const targetsOf = ({ view }: Upstreams, upstream: string): Entity[] =>
  view.all('targets').filter((target) => refId(target, 'upstream') === upstream)

function health(on: Upstreams, upstream: Entity): Answer {
  const data = targetsOf(on, upstream.id).map((target) => {
    const found = on.gateways.healthOf(target.id)
    return {
      ...target,
      health: worst(on, upstream, target, found),
      data: { addresses: found.flatMap((each) => each.addresses ?? []) },
    }
  })
  return ok({ data, next: null, node_id: on.nodeId })
}

function balancerHealth(on: Upstreams, upstream: Entity): Answer {
  const states = targetsOf(on, upstream.id).map((target) => ({
    id: target.id,
    target: target.target,
    weight: target.weight,
    health: worst(on, upstream, target, on.gateways.healthOf(target.id)),
  }))
  const usable = states.some(
    ({ health: state }) => state === 'HEALTHY' || state === 'HEALTHCHECKS_OFF',
  )
  // Gateways check whatever the entity says; where none has told, nothing is checked that the entity does not ask for.
  const told = states.some(({ health: each }) => each !== 'HEALTHCHECKS_OFF')
  const off = !told && !checks(upstream as unknown as UpstreamEntity)
  const state = off ? 'HEALTHCHECKS_OFF' : usable ? 'HEALTHY' : 'UNHEALTHY'
  return ok({
    data: { id: upstream.id, health: state, details: { targets: states } },
    node_id: on.nodeId,
  })
}

/** What an operator has said, then what the gateways find: the worst of it. Without either nobody knows. */
function worst(
  on: Upstreams,
  upstream: Entity,
  target: Entity,
  found: readonly TargetHealth[],
): string {
  const said = on.plane.overrides.get(target.id)
  if (found.length === 0 && said !== undefined) return said.healthy ? 'HEALTHY' : 'UNHEALTHY'
  for (const state of ['DNS_ERROR', 'UNHEALTHY', 'HEALTHY'])
    if (found.some((each) => each.health === state)) return state
  if (!checks(upstream as unknown as UpstreamEntity)) return 'HEALTHCHECKS_OFF'
  return 'UNKNOWN'
}

function checks({ healthchecks: { active, passive } }: UpstreamEntity): boolean {
  const counts = [
    passive.healthy.successes,
    passive.unhealthy.tcp_failures,
    passive.unhealthy.http_failures,
    passive.unhealthy.timeouts,
  ]
  return (
    active.healthy.interval > 0 || active.unhealthy.interval > 0 || counts.some((each) => each > 0)
  )
}

async function turn(
  on: Upstreams,
  asked: Asked,
  { upstream, target, healthy }: { upstream: Entity; target: string; healthy: boolean },
): Promise<Answer> {
  if (asked.method !== 'PUT' && asked.method !== 'POST') return notAllowed('PUT')
  const found = on.view.find('targets', target, { upstream: upstream.id })
  if (found === undefined) return NOT_FOUND
  const override = { target: found.id, upstream: upstream.id, healthy, at: on.now() }
  await on.plane.change(causeOf(asked), () => undefined, override)
  return NO_CONTENT
}
