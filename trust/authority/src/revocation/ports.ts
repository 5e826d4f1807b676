import type { CertificateView } from '@countersign/contract/platform'
import type { Issuer } from '@countersign/ground/x509'

/** A certificate on record, as far as taking it back looks at it. Times in milliseconds since 1970. */
export interface OnRecord {
  readonly serial: string
  readonly lineage: string
  /** Key id of its issuer. */
  readonly issuer: string
  /** SPIFFE id, or host names divided by commas. */
  readonly name: string
  readonly kind: CertificateView['kind']
  /** `intent` may yet become a certificate; `failed` and `abandoned` never do. */
  readonly state: string
  readonly notAfter: number
  readonly askedAt: number
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly keyHash: string
}

/**
 * The certificates that this authority signed. Reads what is committed, and within `Store.write` what was written
 * before in it: an intent that is on record is seen.
 */
export interface IssuedRecords {
  find(serial: string): OnRecord | undefined
  list(filter: {
    readonly lineage?: string
    readonly name?: string
    readonly validAt?: number
    readonly state?: 'any'
    readonly limit?: number
  }): readonly OnRecord[]
}

/** What the other authorities have on record. Never rejects; `silent`: those that did not answer in time. */
export type FindElsewhere = (query: { serial: string } | { name: string }) => Promise<{
  readonly found: readonly Pick<
    CertificateView,
    'serial' | 'lineage' | 'name' | 'kind' | 'notAfter'
  >[]
  readonly silent: readonly string[]
}>

/** An intermediate, of any authority, that everybody trusts at this time. */
export interface TrustedCa {
  readonly serial: string
  /** Key id of the root above it. */
  readonly issuer: string
  readonly notAfter: number
  /** It signs at this time: to take it back is to take back all that it signs. */
  readonly signs: boolean
  readonly name: string
}

/** A CA whose key is here, with its key id. */
export interface StatusIssuer extends Issuer {
  readonly id: string
}
