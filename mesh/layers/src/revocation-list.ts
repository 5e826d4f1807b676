/** What is asked of a list: the two numbers that a certificate carries. Lower case hex without leading zeros. */
export interface Revocable {
  readonly serial: string
  /** The serial of the certificate that its holder joined with; undefined in certificates that are no workload's. */
  readonly lineage: string | undefined
}

/**
 * What the authorities have taken back, as far as this process knows. Asked at each handshake and at each change, by
 * both sides of every connection. The answer takes less than a microsecond.
 */
export interface RevocationList {
  /** Why the certificate is not believed; `undefined` where it is. `LIST_TOO_OLD`: nobody can tell any more. */
  refusalOf(certificate: Revocable): 'REVOKED' | 'LIST_TOO_OLD' | undefined
  /** Called when something was taken back, and when the list gets too old. Returns the way to stop listening. */
  onChange(listener: () => void): () => void
}

/** Why an open connection is ended before its time. */
export type CutReason =
  /** The certificate of the other side was taken back. */
  | 'revoked'
  /** Nobody can tell what was taken back. */
  | 'list_too_old'
  /** The root above it is trusted no more. */
  | 'retired'

export const CUT_REASONS: Readonly<Record<'REVOKED' | 'LIST_TOO_OLD', CutReason>> = {
  REVOKED: 'revoked',
  LIST_TOO_OLD: 'list_too_old',
}

/** For commands that ask once and end: nobody tells them what was taken back, and there is nothing to cut. */
export const NOTHING_TAKEN_BACK: RevocationList = {
  refusalOf: () => undefined,
  onChange: () => () => undefined,
}
