import type { Person } from '@countersign/policy'

/** A token that passed every check. */
export interface VerifiedToken {
  readonly person: Person
  /** Seconds since 1970. Checked again at each use of a cached verdict. */
  readonly expiresAt: number
  /** RFC 8705: thumbprint (base64url SHA-256) of the one certificate with which the token may be used. */
  readonly boundTo: string | undefined
  readonly scopes: readonly string[]
}

/**
 * Verifies access tokens (RFC 9068) of one issuer.
 * Throws `Refusal` TOKEN_INVALID with the failed rule for the log, or KEYS_UNAVAILABLE where no keys could be had for too long.
 */
export interface TokenVerifier {
  /**
   * `token`: compact JWS without the scheme. `peerThumbprint`: of the certificate on this connection, if any.
   * Answers from a bounded cache keyed by the whole token; a cached verdict comes back at once, not as a promise.
   */
  verify(token: string, peerThumbprint: string | undefined): VerifiedToken | Promise<VerifiedToken>
}
