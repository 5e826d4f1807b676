/** What is to be proven, and until when. */
export interface Proof {
  /** Without a wildcard in front. */
  readonly name: string
  readonly token: string
  /** The key authorization: the token and the thumbprint of the account's key (RFC 8555, 8.1). */
  readonly expected: string
  readonly signal: AbortSignal
}
