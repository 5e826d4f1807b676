import { isReservedName } from '@countersign/contract'
import type { Id, KongConfig, Service, Target, Upstream } from '@countersign/kong'

/*
 * Whereto the services of Kong lead, as values. A service's host is the name of an upstream entity, or of a service in the
 * registry, or of a host; which of the latter two is seen while it runs.
 */

/** How connections to places outside of the mesh are made. What of it differs makes another way. */
export interface Link {
  /** TLS, verified always; otherwise plain, which only some addresses may be spoken to. */
  readonly secure: boolean
  /** The name that certificates are for and that `Host` says, where it is not the target's own. */
  readonly name: string | undefined
  /** PEM of the roots to trust and no others; `undefined`: those of the system. */
  readonly roots: string | undefined
  readonly clientCertificate: { readonly cert: string; readonly key: string } | undefined
  /** Certificates between leaf and root, at most. */
  readonly depthMax: number | undefined
  readonly connectTimeoutMs: number
}
export interface TargetPlan {
  /** Of the target entity; `undefined` where there is none. */
  readonly id: Id | undefined
  /** `host:port`, as configured. */
  readonly target: string
  readonly host: string
  readonly port: number
  readonly weight: number
}
/** Where the requests of a service go. Services with the same key share it. */
export interface WayPlan {
  readonly key: string
  /** Of the upstream entity, or the host. */
  readonly name: string
  readonly link: Link
  readonly upstream: Upstream | undefined
  readonly targets: readonly TargetPlan[]
}

/** The way of each service that is turned on, by its id. Faults: what cannot be honoured. Notes: what has no effect. */
export function planWays(
  config: KongConfig,
  faults: string[],
  notes: string[],
): ReadonlyMap<Id, WayPlan> {
  const upstreams = new Map(config.upstreams.map((each) => [each.name.toLowerCase(), each]))
  const targets = Map.groupBy(config.targets, ({ upstream }) => upstream.id)
  checkTargets(config, faults)
  const ways = new Map<Id, WayPlan>()
  for (const service of config.services) {
    if (!service.enabled) continue
    const at = `service ${service.name ?? service.id}`
    if (service.tls_verify === false)
      notes.push(`${at}: tls_verify=false has no effect, certificates are verified always`)
    const host = service.host.toLowerCase()
    const upstream = upstreams.get(host)
    const link = linkOf(config, service, upstream, (what) => void faults.push(`${at}: ${what}`))
    ways.set(service.id, {
      key: JSON.stringify([upstream?.id ?? [host, service.port], upstream?.use_srv_name, link]),
      name: host,
      link,
      upstream,
      targets:
        upstream === undefined
          ? [
              {
                id: undefined,
                weight: 100,
                host,
                port: service.port,
                target: `${host}:${service.port}`,
              },
            ]
          : (targets.get(upstream.id) ?? []).map(targetPlan),
    })
  }
  return ways
}

/** As with the host of a service: no route leads to a part of the platform. */
function checkTargets({ targets, upstreams }: KongConfig, faults: string[]): void {
  for (const target of targets) {
    const { host } = targetPlan(target)
    if (!isReservedName(host)) continue
    const upstream = upstreams.find(({ id }) => id === target.upstream.id)?.name ?? ''
    faults.push(
      `target ${target.target} of upstream ${upstream}: ${host} is a part of the platform, which no route may lead to`,
    )
  }
}

function targetPlan({ id, target, weight }: Target): TargetPlan {
  const colon = target.lastIndexOf(':')
  const host = target
    .slice(0, colon)
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase()
  return { id, target, weight, host, port: Number(target.slice(colon + 1)) }
}

const SECURE: ReadonlySet<string> = new Set(['https', 'grpcs', 'wss'])

function linkOf(
  config: KongConfig,
  service: Service,
  upstream: Upstream | undefined,
  wrong: (what: string) => void,
): Link {
  const secure = SECURE.has(service.protocol)
  const shown = service.client_certificate ?? upstream?.client_certificate ?? null
  return {
    secure,
    name: upstream?.host_header ?? undefined,
    roots: secure ? rootsOf(config, service, wrong) : undefined,
    clientCertificate:
      secure && shown !== null ? certificateOf(config, shown.id, wrong) : undefined,
    depthMax: service.tls_verify_depth ?? undefined,
    connectTimeoutMs: service.connect_timeout,
  }
}

function rootsOf(
  { ca_certificates: known }: KongConfig,
  { ca_certificates: wanted }: Service,
  wrong: (what: string) => void,
): string | undefined {
  if (wanted === null || wanted.length === 0) return undefined
  const found = wanted.map((id) => known.find((each) => each.id === id)?.cert)
  if (found.includes(undefined)) wrong('one of its ca_certificates is not there')
  return found.join('\n')
}

function certificateOf(
  { certificates }: KongConfig,
  id: Id,
  wrong: (what: string) => void,
): Link['clientCertificate'] {
  const found = certificates.find((each) => each.id === id)
  if (found === undefined) {
    wrong('its client_certificate is not there')
    return undefined
  }
  return { cert: found.cert, key: found.key }
}
