import { GATEWAY, isReservedName } from '@countersign/contract'
import type { KeyKind } from '@countersign/ground/x509'
import {
  ACME_LIFETIME_MS,
  ACME_LIFETIME_MS_MAX,
  LEAF_LIFETIME_SECONDS,
  LEAF_LIFETIME_SECONDS_MAX,
  PUBLIC_LIFETIME_MS,
  PUBLIC_LIFETIME_MS_MAX,
} from '../limits.ts'
import type { IssueKind } from './issue-request.ts'

/** What may be asked of this authority, and what comes out. A wish that no profile has is refused. */
export interface Profile {
  /** How the name must have been proven. */
  readonly kinds: readonly IssueKind[]
  /** Which workloads may have it; for ACME it is an account. */
  readonly allows: (name: string) => boolean
  /** What the request has to ask for: the SPIFFE id of the name and nothing else, or exactly the host names. */
  readonly asks: 'id' | 'hosts'
  /** What the certificate says: a SPIFFE id for both sides of TLS, or host names for a server. */
  readonly subject: 'id' | 'hosts'
  /** Whether a host name may begin with `*`. */
  readonly wildcards: boolean
  readonly keys: readonly KeyKind[]
  readonly lifetimeMs: number
  readonly lifetimeMsMax: number
}
export type ProfileName = 'workload' | 'gateway' | 'platform' | 'public-door' | 'acme'

const leaf = {
  lifetimeMs: LEAF_LIFETIME_SECONDS * 1_000,
  lifetimeMsMax: LEAF_LIFETIME_SECONDS_MAX * 1_000,
}
const door = { lifetimeMs: PUBLIC_LIFETIME_MS, lifetimeMsMax: PUBLIC_LIFETIME_MS_MAX }
const outside = { lifetimeMs: ACME_LIFETIME_MS, lifetimeMsMax: ACME_LIFETIME_MS_MAX }
const svid = { asks: 'id', subject: 'id', wildcards: false, keys: ['P-256'], ...leaf } as const
const isGateway = (name: string): boolean => name === GATEWAY
/** Who has a door for clients that are no workloads. */
const hasDoor = (name: string): boolean => isGateway(name) || name === 'authority'
const isPlatform = (name: string): boolean => isReservedName(name) && !isGateway(name)

// biome-ignore format: a table
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  workload:      { kinds: ['join', 'renew'],         allows: (name) => !isReservedName(name), ...svid },
  gateway:       { kinds: ['join', 'renew'],         allows: isGateway,                       ...svid },
  platform:      { kinds: ['join', 'renew', 'self'], allows: isPlatform,                      ...svid },
  'public-door': { kinds: ['public-door'],           allows: hasDoor,      asks: 'id',    subject: 'hosts', wildcards: false, keys: ['P-256'],                 ...door },
  acme:          { kinds: ['acme'],                  allows: () => true,   asks: 'hosts', subject: 'hosts', wildcards: true,  keys: ['P-256', 'P-384', 'RSA'], ...outside },
}

/** The profile of a workload's own certificate. */
export function profileOf(name: string): 'workload' | 'gateway' | 'platform' {
  if (isGateway(name)) return 'gateway'
  return isPlatform(name) ? 'platform' : 'workload'
}
