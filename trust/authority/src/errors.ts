import { CodedError, messageOf } from '@countersign/ground/errors'
import { X509Error } from '@countersign/ground/x509'
import { Refusal } from '@countersign/layers'

export type AuthorityErrorCode =
  /** The folder has not been initialised for this authority. */
  | 'PKI_MISSING'
  /** What lies in the folder does not fit together. Nothing is signed with it. */
  | 'PKI_DAMAGED'
  /** The intermediate ends too soon to sign anything of use. */
  | 'ISSUER_ENDS_SOON'
  /** The request asks for something else than the caller's own name. */
  | 'CSR_REFUSED'
  | 'TOKEN_REFUSED'
  | 'TOKENS_FULL'
  /** A certificate that was just made did not pass its own check. It does not leave. */
  | 'SELF_CHECK_FAILED'

/** Why this authority does not sign. Holds neither token nor key. */
export class AuthorityError extends CodedError<AuthorityErrorCode> {}

/** The door's way of saying it. What is nobody's business but ours becomes INTERNAL, so that callers try the other authority. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error
  if (error instanceof X509Error || isCode(error, 'CSR_REFUSED')) {
    const { code, message } = error
    const rule = `certificate request: ${code}: ${message}`
    return new Refusal('BODY_INVALID', { errors: [{ field: 'csr', message }], rule, cause: error })
  }
  if (isCode(error, 'TOKEN_REFUSED')) {
    const rule = `join token: ${error.message}`
    const remedy = 'bring a fresh token: they are for one name, once, until they expire'
    return new Refusal('TOKEN_INVALID', { rule, remedy, cause: error })
  }
  if (isCode(error, 'TOKENS_FULL')) return new Refusal('OVERLOADED', { rule: error.message })
  return new Refusal('INTERNAL', { rule: `authority: ${messageOf(error)}`, cause: error })
}

function isCode(error: unknown, code: AuthorityErrorCode): error is AuthorityError {
  return error instanceof AuthorityError && error.code === code
}
