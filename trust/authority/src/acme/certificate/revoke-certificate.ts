import { X509Certificate } from 'node:crypto'
import type { RevocationReason } from '@countersign/contract/platform'
import { decodeBase64url } from '@countersign/ground/jose'
import { readCertificate, readPem } from '@countersign/ground/x509'
import { z } from 'zod'
import { AuthorityError } from '../../errors.ts'
import { type AcmeParts, type AcmeReply, type Call, readPayload } from '../call.ts'
import { AcmeProblem, malformed, notFound } from '../problem.ts'
import type { HeldCertificate } from './certificate-store.ts'

/*
 * RFC 8555, 7.6. A certificate is taken back by
 *
 * - whoever signs with its own key
 * - the account that holds it
 * - an account that has proven all of its names a short time ago
 *
 * What others ask for is refused; what is revoked stays so. A key that is given up as compromised is remembered by the
 * revocations: nobody gets an account or a certificate with it again.
 */
const schema = z.object({
  certificate: z.string().max(16_384),
  reason: z.int().optional(),
})

/** Of RFC 5280, 5.3.1, those that a subscriber may give. */
const REASONS: ReadonlyMap<number, RevocationReason> = new Map([
  [0, 'unspecified'],
  [1, 'keyCompromise'],
  [3, 'affiliationChanged'],
  [4, 'superseded'],
  [5, 'cessationOfOperation'],
  [9, 'privilegeWithdrawn'],
])

export async function revokeCertificate(parts: AcmeParts, call: Call): Promise<AcmeReply> {
  const { certificate, reason: code = 0 } = readPayload(call, schema)
  const der = decodeBase64url(certificate)
  if (der === undefined) throw malformed('the certificate is not base64url')
  const held = find(parts, der)
  if (!mayRevoke(parts, call, held, der))
    throw new AcmeProblem('unauthorized', 'this key may not revoke this certificate')
  const reason = REASONS.get(code)
  if (reason === undefined)
    throw new AcmeProblem('badRevocationReason', 'only the reasons 0, 1, 3, 4, 5 and 9 are taken')
  await revoke(parts, call, { held, reason })
  return { status: 200 }
}

function find({ certificates }: AcmeParts, der: Buffer): HeldCertificate {
  const held = certificates.find(serialOf(der))
  const [leaf] = held === undefined ? [] : readPem(held.chain, 'CERTIFICATE')
  // Letter by letter: a certificate of somebody else may have the same serial.
  if (held === undefined || leaf?.equals(der) !== true) throw notFound()
  return held
}

function serialOf(der: Buffer): string {
  try {
    return readCertificate(der).serial
  } catch (cause) {
    throw new AcmeProblem('malformed', 'the certificate cannot be read', { cause })
  }
}

function mayRevoke(parts: AcmeParts, call: Call, held: HeldCertificate, der: Buffer): boolean {
  const { account, key } = call
  if (account === undefined) return new X509Certificate(der).publicKey.equals(key.publicKey)
  if (account.id === held.account) return true
  const until = parts.now()
  return held.names.every(
    (name) => parts.authorizations.findValid({ account: account.id, name, until }) !== undefined,
  )
}

async function revoke(
  { ports, events }: AcmeParts,
  call: Call,
  { held, reason }: { held: HeldCertificate; reason: RevocationReason },
): Promise<void> {
  const { serial } = held
  const by =
    call.account === undefined ? 'acme: key of the certificate' : `acme: ${call.account.id}`
  try {
    await ports.revocations.revoke({ serial }, reason, by)
  } catch (error) {
    throw error instanceof AuthorityError ? toProblem(error) : error
  }
  events.revoked(held, reason, call)
}

function toProblem(error: AuthorityError): AcmeProblem {
  if (error.code === 'ALREADY_REVOKED')
    return new AcmeProblem('alreadyRevoked', 'the certificate has been revoked before')
  if (error.code === 'CERTIFICATE_EXPIRED') return malformed('the certificate has expired')
  const detail = 'the certificate cannot be revoked now'
  return new AcmeProblem('serverInternal', detail, { cause: error })
}
