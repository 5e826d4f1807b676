import { parseSpiffeId, type SpiffeId, spiffeId } from '@countersign/ground/spiffe'
import { GATEWAY } from './descriptor.ts'

/*
 * A workload has one name. In contracts and logs it is short, on the wire it is a SPIFFE id, and each
 * follows from the other: spiffe://<trust-domain>/service/<name>, /gateway/<name>, /platform/<name>.
 */
const PLATFORM: ReadonlySet<string> = new Set([
  'authority',
  'identity',
  'registry',
  'audit',
  'balancer',
  'control',
  'desk',
  'prometheus',
])

/** The SPIFFE id of the workload that contracts call `name`. */
export function workloadId(trustDomain: string, name: string): SpiffeId {
  if (name === GATEWAY) return spiffeId(trustDomain, 'gateway', 'public')
  return spiffeId(trustDomain, PLATFORM.has(name) ? 'platform' : 'service', name)
}

/** The short name behind a SPIFFE id; `undefined` for any id that no workload of this trust domain can have. */
export function workloadName(trustDomain: string, id: string): string | undefined {
  const parts = parseSpiffeId(id)
  if (parts === undefined || parts.trustDomain !== trustDomain) return undefined
  if (parts.path === '/gateway/public') return GATEWAY
  const name = parts.path.split('/')[2]
  return name !== undefined && workloadId(trustDomain, name) === id ? name : undefined
}

/** Parts of the platform that the public may talk to. What the others list the gateway for, it asks for itself. */
const PUBLIC_PLATFORM: ReadonlySet<string> = new Set(['identity', 'desk'])

/**
 * Whether an endpoint is a public route: its contract lists the gateway, and it is not one by which the gateway itself
 * asks a part of the platform, as for its certificate or its configuration.
 */
export function isPublicEndpoint(
  service: string,
  endpoint: { readonly callers: readonly string[] },
): boolean {
  if (!endpoint.callers.includes(GATEWAY)) return false
  return !PLATFORM.has(service) || PUBLIC_PLATFORM.has(service)
}

/** Names that the platform keeps for itself: no service can be called so. */
export function isReservedName(name: string): boolean {
  return name === GATEWAY || PLATFORM.has(name)
}
