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

/** Names that the platform keeps for itself: no service can be called so. */
export function isReservedName(name: string): boolean {
  return name === GATEWAY || PLATFORM.has(name)
}
