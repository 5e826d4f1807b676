import { CodedError } from '@countersign/ground/errors'

export type IdentityErrorCode =
  /** Every door that answered refused: the token or the request is not good. Asking again does not help. */
  | 'JOIN_REFUSED'
  /** No door answered in time. */
  | 'JOIN_UNAVAILABLE'
  /** What came back is not a certificate for us. */
  | 'ANSWER_INVALID'
  | 'RENEW_TIMEOUT'

/** Why a workload has no certificate, or no new one. Holds neither token nor key. */
export class IdentityError extends CodedError<IdentityErrorCode> {}
