import type { CaState, TrustState } from '@countersign/contract/platform'
import type { Issuer, Span } from '@countersign/ground/x509'

/** An intermediate of this authority, with its key. */
export interface Signer extends Issuer {
  /** Its key id, hex. */
  readonly id: string
  /** The key id of the root above it. */
  readonly root: string
  readonly span: Span
  readonly state: CaState
}
/** The intermediates of this authority. Asked anew for each certificate, as they change while it runs. */
export interface Signers {
  /** The one that signs now. Throws `AuthorityError` ISSUER_ENDS_SOON or PKI_MISSING. */
  active(): Signer
  /** Every one whose key is here, also those that sign no certificate yet or any more: they sign their lists. */
  all(): readonly Signer[]
}

/** What all authorities trust together, as far as issuing looks at it. */
export interface Trust {
  state(): TrustState
  /** PEM of every root to trust. */
  bundle(): string
  sequence(): number
}

/** What was taken back, as far as issuing looks at it. Answers from memory. */
export interface Revocations {
  has(certificate: { readonly serial: string; readonly lineage?: string }): boolean
  /** When and why it was taken back; `undefined` where it was not. */
  find?(certificate: {
    readonly serial: string
    readonly lineage?: string
  }): { readonly at: number } | undefined
  /** Whether this key is known to strangers: a certificate of it was taken back for keyCompromise. SHA-256 of the SPKI, hex. */
  isCompromised?(keyHash: string): boolean
}

/** Where clients outside of the mesh ask whether a certificate was taken back. By the key id of its issuer. */
export type StatusUrls = (issuer: string) => {
  readonly crlUrls: readonly string[]
  readonly ocspUrls: readonly string[]
}
