import type { AccountCall, AcmeParts } from '../call.ts'
import { parseCertificateId } from '../certificate/certificate-id.ts'
import { AcmeProblem, malformed } from '../problem.ts'

/**
 * RFC 9773, 5: the certificate that an order replaces is one that the account holds, for one of the same names, and no
 * other order that still counts replaces it. Throws `AcmeProblem` malformed, unauthorized or alreadyReplaced.
 */
export function checkReplaces(
  { certificates, orders, now }: AcmeParts,
  { account }: AccountCall,
  replaced: { readonly id: string; readonly names: readonly string[] },
): void {
  const parsed = parseCertificateId(replaced.id)
  const found = parsed === undefined ? undefined : certificates.find(parsed.serial)
  if (parsed === undefined || found === undefined || found.issuer !== parsed.issuer)
    throw malformed('the certificate that the order replaces is not known here')
  if (found.account !== account.id)
    throw new AcmeProblem('unauthorized', 'the certificate that the order replaces is not its own')
  if (!found.names.some((name) => replaced.names.includes(name)))
    throw malformed('the order has no name in common with the certificate that it replaces')
  if (orders.replacing(replaced.id, now()))
    throw new AcmeProblem('alreadyReplaced', 'another order replaces this certificate')
}
