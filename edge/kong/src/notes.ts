import { type Entity, refId } from './collections.ts'
import type { Collection, HealthThresholds } from './entities.ts'
import type { Plugin } from './plugin.ts'
import { find, type KongState } from './state/state.ts'

/*
 * What somebody who knows Kong should know of an entity here: where a default is safer than Kong's, where something holds
 * that was not asked for, and where a likely mistake waits.
 */
const PUBLIC = 'public'
const TERMINATION = 'request-termination'

export function notesOf(
  state: KongState,
  collection: Collection,
  entity: Entity,
  plugins: readonly Plugin[],
): readonly string[] {
  if (collection === 'plugins') return ofPlugin(entity, plugins)
  if (collection === 'routes') return ofRoute(state, entity, plugins)
  if (collection === 'services') return ofService(entity)
  if (collection === 'upstreams') return ofUpstream(entity)
  return []
}

function ofService(service: Entity): readonly string[] {
  const notes: string[] = []
  if (service.protocol === 'http' || service.protocol === 'grpc')
    notes.push(
      `${service.protocol} is spoken to loopback and to addresses in GATEWAY_PLAIN_UPSTREAMS only; services of the registry are reached over mutual TLS all the same`,
    )
  else if (service.tls_verify !== true)
    notes.push('tls_verify: here always true; in Kong false unless it is set')
  return notes
}

/** Kong's checks are off by default, and a target that is gone gets its share of requests for ever. */
function ofUpstream({ healthchecks }: Entity): readonly string[] {
  const { active, passive } = healthchecks as HealthThresholds
  const notes: string[] = []
  if (active.healthy.interval === 0 && active.unhealthy.interval === 0)
    notes.push(
      'healthchecks.active: here on, by connections alone: two failed ones in a row leave a target out, one that is made brings it back; in Kong off with interval 0',
    )
  const { tcp_failures, timeouts, http_failures } = passive.unhealthy
  if (tcp_failures === 0 && timeouts === 0 && http_failures === 0)
    notes.push(
      'healthchecks.passive: here on: a circuit breaker leaves a target out after 5 unanswered requests in a row, or half of 20, and tries it again; in Kong off with counts of 0',
    )
  return notes
}

function ofPlugin(entity: Entity, plugins: readonly Plugin[]): readonly string[] {
  const plugin = plugins.find(({ name }) => name === entity.name)
  return (plugin?.safer ?? []).map(
    ({ field, kong, here, why }) => `${field}: here ${here}; in Kong ${kong}; since ${why}`,
  )
}

function ofRoute(state: KongState, route: Entity, plugins: readonly Plugin[]): readonly string[] {
  const serviceId = refId(route, 'service')
  const service = serviceId === undefined ? undefined : state.get('services')?.get(serviceId)
  const names = pluginsOn(state, route)
  const isPublic = [route, service].some((each) => each?.tags?.includes(PUBLIC) === true)
  const proven = plugins.some(
    ({ name, authenticates }) => authenticates === true && names.has(name),
  )
  const notes: string[] = []
  if (!proven && !isPublic && !names.has(TERMINATION))
    notes.push(
      'closed by default: a token of the platform is required, as by the plugin jwt; the tag "public" on the route or its service opens it',
    )
  if (!names.has('rate-limiting'))
    notes.push(
      'a default limit holds, since there is no plugin rate-limiting on the route, its service or everywhere',
    )
  const cut = cutPath(state, route, service)
  if (cut !== undefined) notes.push(cut)
  return notes
}

/** Names of the plugins that a request on this route meets. */
function pluginsOn(state: KongState, route: Entity): ReadonlySet<string> {
  const names = new Set<string>()
  for (const plugin of state.get('plugins')?.values() ?? []) {
    if (plugin.enabled === false || refId(plugin, 'consumer') !== undefined) continue
    const [at, of] = [refId(plugin, 'route'), refId(plugin, 'service')]
    if (at !== undefined && at !== route.id) continue
    if (of !== undefined && of !== refId(route, 'service')) continue
    names.add(String(plugin.name))
  }
  return names
}

/** `strip_path` is Kong's default, and most services serve the path that they are asked for. */
function cutPath(state: KongState, route: Entity, service: Entity | undefined): string | undefined {
  const paths = (route.paths ?? []) as readonly string[]
  const path = paths.find((each) => each !== '/')
  if (route.strip_path !== true || path === undefined || service === undefined) return undefined
  if (service.path !== null && service.path !== '/') return undefined
  const host = String(service.host)
  if (find(state.get('upstreams') ?? new Map(), 'upstreams', { idOrKey: host }) !== undefined)
    return undefined
  return `strip_path cuts ${path}: the service gets "/" for it. If it serves ${path} itself: PATCH /routes/${String(route.name ?? route.id)} with strip_path=false`
}
