import { TAG } from './der.ts'
import { CRL_NUMBER_BYTES_MAX } from './limits.ts'
import { OID } from './oids.ts'
import { writeSerial } from './serial.ts'
import { type Issuer, signingOf } from './sign-certificate.ts'
import { signMethodOf, writeSigned } from './sign-method.ts'
import { writeBigInteger, writeDer, writeInteger, writeTime } from './write-der.ts'
import { authorityKeyIdentifier, writeExtension } from './write-extensions.ts'

/** Why a certificate is revoked (RFC 5280, 5.3.1). 7 is not used; 6 and 8 can be taken back. */
export const REVOCATION_REASON = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
} as const
export type RevocationReasonCode = (typeof REVOCATION_REASON)[keyof typeof REVOCATION_REASON]

export interface RevokedEntry {
  /** Lower case hex. */
  readonly serial: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly reason?: RevocationReasonCode | undefined
}

const VERSION_2 = writeInteger(Buffer.from([1]))

/**
 * A complete list of revoked certificates of one issuer (RFC 5280, section 5), in DER, signed by that issuer.
 * `number` has to grow with every list. Times are milliseconds since 1970. Throws `TypeError` and `X509Error`.
 */
export function createCrl(options: {
  issuer: Issuer
  number: bigint
  thisUpdate: number
  nextUpdate: number
  revoked: readonly RevokedEntry[]
}): Buffer {
  const by = signingOf(options.issuer)
  const { revoked } = options
  const number = writeBigInteger(options.number)
  if (number.length > CRL_NUMBER_BYTES_MAX + 2) throw new TypeError('the CRL number is too long')
  const extensions = [authorityKeyIdentifier(by.keyId), writeExtension(OID.crlNumber, number)]
  const tbs = writeDer(
    TAG.sequence,
    VERSION_2,
    signMethodOf(by.privateKey).algorithm,
    by.name,
    writeTime(options.thisUpdate),
    writeTime(options.nextUpdate),
    // An empty list is left out (RFC 5280, 5.1.2.6).
    ...(revoked.length === 0 ? [] : [writeDer(TAG.sequence, ...revoked.map(writeEntry))]),
    writeDer(0xa0, writeDer(TAG.sequence, ...extensions)),
  )
  return writeSigned(tbs, by.privateKey)
}

function writeEntry({ serial, at, reason = REVOCATION_REASON.unspecified }: RevokedEntry): Buffer {
  // Unspecified is said by saying nothing (RFC 5280, 5.3.1).
  if (reason === REVOCATION_REASON.unspecified)
    return writeDer(TAG.sequence, writeSerial(serial), writeTime(at))
  const extension = writeExtension(OID.reasonCode, writeReason(reason))
  const extensions = writeDer(TAG.sequence, extension)
  return writeDer(TAG.sequence, writeSerial(serial), writeTime(at), extensions)
}

/** CRLReason, an ENUMERATED. */
export function writeReason(reason: RevocationReasonCode): Buffer {
  return writeDer(TAG.enumerated, Buffer.from([reason]))
}
