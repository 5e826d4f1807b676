import type { KeyObject } from 'node:crypto'
import type { Issued } from '@countersign/contract/platform'
import type { ProfileName } from './profiles.ts'

export type IssueKind = 'join' | 'renew' | 'self' | 'public-door' | 'acme'

/** A wish for one certificate, by somebody who has proven what `kind` takes. */
export interface IssueRequest {
  readonly profile: ProfileName
  readonly kind: IssueKind
  /** Short name of the workload; what the request may be for follows from it. For ACME the account. */
  readonly name: string
  /** PKCS#10 in PEM, with the proof that its sender holds the key. */
  readonly csr: string
  /** Host names and addresses of a server certificate, in their canonical spelling. */
  readonly names?: readonly string[]
  /** The certificate that proved the name of a renewal; its lineage goes on. A join begins one. */
  readonly renews?: { readonly serial: string; readonly lineage: string | undefined }
  /** Instead of the profile's usual life, and within its longest. */
  readonly lifetimeMs?: number
  /** Who asked, for the record: a workload or an address. */
  readonly asker?: string | undefined
  /** A key that the certificate must not be for, as that of the ACME account is. */
  readonly notThisKey?: KeyObject
}

/**
 * A request that passed every check, with its intent on record. Exactly one of the two ends it; what is left of it by
 * a crash is found and recorded at the next start.
 */
export interface Prepared {
  readonly serial: string
  readonly lineage: string
  readonly notAfter: number
  /** Signs, once, and lets the certificate go when it has been read back and is on record. */
  commit(): Promise<Issued>
  /** Closes the record without a signature. */
  cancel(reason: string): Promise<void>
}
