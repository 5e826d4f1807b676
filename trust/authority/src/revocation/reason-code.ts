import type { RevocationReason } from '@countersign/contract/platform'
import { REVOCATION_REASON, type RevocationReasonCode } from '@countersign/ground/x509'

const NAMES: ReadonlyMap<number, RevocationReason> = new Map([
  [REVOCATION_REASON.keyCompromise, 'keyCompromise'],
  [REVOCATION_REASON.cACompromise, 'keyCompromise'],
  [REVOCATION_REASON.affiliationChanged, 'affiliationChanged'],
  [REVOCATION_REASON.superseded, 'superseded'],
  [REVOCATION_REASON.cessationOfOperation, 'cessationOfOperation'],
  [REVOCATION_REASON.privilegeWithdrawn, 'privilegeWithdrawn'],
])

/** The code of a reason in lists and answers; a CA's key that strangers know has one of its own (RFC 5280, 5.3.1). */
export function reasonCode(reason: RevocationReason, ofCa: boolean): RevocationReasonCode {
  if (ofCa && reason === 'keyCompromise') return REVOCATION_REASON.cACompromise
  return REVOCATION_REASON[reason]
}

/** And back. What we never say is no reason of ours. */
export function reasonOf(code: RevocationReasonCode | undefined): RevocationReason {
  return NAMES.get(code ?? REVOCATION_REASON.unspecified) ?? 'unspecified'
}
