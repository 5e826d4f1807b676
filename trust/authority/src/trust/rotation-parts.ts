import type { Evidence } from '../evidence/evidence.ts'
import type { OnRecord } from '../evidence/domain/record.ts'
import type { Liveness } from '../evidence/liveness.ts'
import type { Peers } from '../peers/peers.ts'
import type { Trust } from './trust.ts'
import type { TrustEvents } from './trust-events.ts'
import type { Turn } from './turn.ts'

/** The certificates on record at this authority, for whoever looks. Answers from what is durable. */
export interface Records {
  /** Certificates that have not ended at `validAt`; those that end last first, `limit` at most. */
  list(filter: {
    readonly issuer?: string
    readonly lineage?: string
    readonly kind?: OnRecord['kind']
    readonly validAt?: number
    readonly limit?: number
  }): readonly OnRecord[]
}
/** What was taken back. Answers from memory. */
export interface Revoked {
  has(certificate: { readonly serial: string; readonly lineage?: string }): boolean
}
export interface RotationParts {
  readonly trust: Trust
  readonly peers: Pick<Peers, 'round' | 'up'>
  readonly turn: Turn
  readonly evidence: Pick<Evidence, 'reports'>
  readonly liveness: Liveness
  readonly records: Records
  readonly revoked: Revoked
  readonly events: TrustEvents
  readonly now: () => number
}
