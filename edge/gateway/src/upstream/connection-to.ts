import { workloadId } from '@countersign/contract'
import type { UpstreamOptions } from '@countersign/layers'
import type { Link, TargetPlan } from '../domain/balancing/plan.ts'
import { CONNECT_MS_MAX } from '../limits.ts'
import type { WayParts } from './registry-service.ts'
import type { Place } from './target-places.ts'

/** How a place of a target is connected to: mutual TLS within the mesh; outside TLS by name, or plain where the guard let it pass. */
export function connectionTo(
  { host, port, instance, name }: Place,
  target: TargetPlan,
  { link, workload }: { readonly link: Link; readonly workload: WayParts['workload'] },
): UpstreamOptions {
  const address = { host, port }
  const connectTimeoutMs = Math.min(link.connectTimeoutMs, CONNECT_MS_MAX)
  const { identity, log, trustDomain } = workload
  const common = { address, connectTimeoutMs, log }
  if (instance !== undefined)
    return { ...common, identity, expectedId: workloadId(trustDomain, target.host) }
  if (!link.secure) return { ...common, expected: { kind: 'plain' } }
  const { roots, clientCertificate, depthMax } = link
  return {
    ...common,
    expected: {
      kind: 'host',
      name: link.name ?? name ?? target.host,
      ...(roots === undefined ? {} : { roots }),
      ...(clientCertificate === undefined ? {} : { clientCertificate }),
      ...(depthMax === undefined ? {} : { depthMax }),
    },
  }
}

/** What `Host` says, as in Kong: the upstream's `host_header`, or the target's own name and port. */
export function authorityOf({ name, port: placed }: Place, target: TargetPlan, link: Link): string {
  if (link.name !== undefined) return link.name
  const host = name ?? target.host
  const text = host.includes(':') ? `[${host}]` : host
  const port = name === undefined ? target.port : placed
  return port === (link.secure ? 443 : 80) ? text : `${text}:${port}`
}
