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
  /** There is no such certificate for such a name. */
  | 'PROFILE_REFUSED'
  /** The certificate that should prove the name was taken back. */
  | 'REVOKED'
  | 'TOKEN_REFUSED'
  | 'TOKENS_FULL'
  /** Files or folders with secrets are open to others. Nothing starts on them. */
  | 'MODES_TOO_WIDE'
  /** A root key cannot be taken off line or brought back. Nothing was changed. */
  | 'ROOT_REFUSED'
  /** A certificate that was just made did not pass its own check. It does not leave. */
  | 'SELF_CHECK_FAILED'
  /** Nobody has a certificate of this serial or name on record. */
  | 'CERTIFICATE_UNKNOWN'
  /** It has ended; there is nothing to take back. */
  | 'CERTIFICATE_EXPIRED'
  | 'ALREADY_REVOKED'
  /** An intermediate that signs at this time is not taken back: rotated first. */
  | 'CA_SIGNS'
  | 'REVOCATIONS_FULL'
  /** Another authority told a state of trust that makes no sense. Nothing of it is taken in. */
  | 'TRUST_REFUSED'

/** Why this authority does not sign. Holds neither token nor key. */
export class AuthorityError extends CodedError<AuthorityErrorCode> {}

const CONFLICTS = ['ALREADY_REVOKED', 'CERTIFICATE_EXPIRED', 'CA_SIGNS'] as const

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
  if (isCode(error, 'CERTIFICATE_UNKNOWN'))
    return new Refusal('NOT_FOUND', { detail: error.message, cause: error })
  for (const code of CONFLICTS)
    if (isCode(error, code)) return new Refusal('CONFLICT', { detail: error.message, cause: error })
  if (isCode(error, 'REVOCATIONS_FULL'))
    return new Refusal('OVERLOADED', { detail: error.message, rule: error.message, cause: error })
  if (isCode(error, 'PROFILE_REFUSED')) {
    return new Refusal('CALLER_FORBIDDEN', { rule: `profile: ${error.message}`, cause: error })
  }
  if (isCode(error, 'REVOKED')) {
    const remedy = 'join anew: what was revoked is not renewed'
    return new Refusal('PEER_UNKNOWN', { rule: error.message, remedy, cause: error })
  }
  if (isCode(error, 'TOKENS_FULL')) return new Refusal('OVERLOADED', { rule: error.message })
  return new Refusal('INTERNAL', { rule: `authority: ${messageOf(error)}`, cause: error })
}

function isCode(error: unknown, code: AuthorityErrorCode): error is AuthorityError {
  return error instanceof AuthorityError && error.code === code
}
