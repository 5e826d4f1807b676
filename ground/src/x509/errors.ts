import { CodedError } from '../errors/index.ts'

export type X509ErrorCode =
  | 'MALFORMED'
  | 'KEY_REFUSED'
  | 'PROOF_OF_POSSESSION'
  | 'KEY_MISMATCH'
  | 'PATH_TOO_SHORT'

/** What is wrong with a certificate, a request or a key. The message names no secret and is safe to show. */
export class X509Error extends CodedError<X509ErrorCode> {}

/** Bytes that are not what they claim to be. */
export function malformed(what: string): X509Error {
  return new X509Error('MALFORMED', what)
}
