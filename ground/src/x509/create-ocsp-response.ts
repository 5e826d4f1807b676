import { type RevocationReasonCode, writeReason } from './create-crl.ts'
import { TAG } from './der.ts'
import { OID } from './oids.ts'
import type { OcspCertId } from './parse-ocsp-request.ts'
import { type Issuer, signingOf } from './sign-certificate.ts'
import { writeSigned } from './sign-method.ts'
import { writeDer, writeGeneralizedTime, writeOid } from './write-der.ts'
import { writeExtension } from './write-extensions.ts'

/** What is said of one certificate. Times are milliseconds since 1970. */
export interface OcspAnswer {
  readonly of: Pick<OcspCertId, 'der'>
  readonly status:
    | 'good'
    /** The issuer knows of no such certificate, or the question is about those of another issuer. */
    | 'unknown'
    | { readonly revokedAt: number; readonly reason?: RevocationReasonCode | undefined }
  readonly thisUpdate: number
  readonly nextUpdate: number
}

/**
 * A signed answer of OCSP (RFC 6960, 4.2) in DER. The issuer of the certificates signs it itself, so no other
 * certificate comes along: who asks has that of the issuer. `nonce` is the one of the question.
 */
export function createOcspResponse(options: {
  responder: Issuer
  answers: readonly OcspAnswer[]
  producedAt: number
  nonce?: Buffer | undefined
}): Buffer {
  const { privateKey, keyHash } = signingOf(options.responder)
  const { nonce } = options
  const data = writeDer(
    TAG.sequence,
    // ResponderID is the hash of the responder's key; SHA-1 by the standard, whatever the certificate says of its key.
    writeDer(0xa2, writeDer(TAG.octetString, Buffer.from(keyHash, 'hex'))),
    writeGeneralizedTime(options.producedAt),
    writeDer(TAG.sequence, ...options.answers.map(writeAnswer)),
    ...(nonce === undefined ? [] : [writeDer(0xa1, writeDer(TAG.sequence, writeNonce(nonce)))]),
  )
  const basic = writeDer(TAG.octetString, writeSigned(data, privateKey))
  return writeResponse(0, writeDer(TAG.sequence, writeOid(OID.ocspBasic), basic))
}

function writeNonce(nonce: Buffer): Buffer {
  return writeExtension(OID.ocspNonce, writeDer(TAG.octetString, nonce))
}

function writeAnswer({ of, status, thisUpdate, nextUpdate }: OcspAnswer): Buffer {
  return writeDer(
    TAG.sequence,
    of.der,
    writeStatus(status),
    writeGeneralizedTime(thisUpdate),
    writeDer(0xa0, writeGeneralizedTime(nextUpdate)),
  )
}

function writeStatus(status: OcspAnswer['status']): Buffer {
  if (status === 'good') return writeDer(0x80)
  if (status === 'unknown') return writeDer(0x82)
  const { revokedAt, reason } = status
  const why = reason === undefined ? [] : [writeDer(0xa0, writeReason(reason))]
  return writeDer(0xa1, writeGeneralizedTime(revokedAt), ...why)
}

const FAILURE = {
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  sigRequired: 5,
  unauthorized: 6,
} as const

/** An answer that says why there is none (RFC 6960, 4.2.1). Nobody signs it. DER. */
export function ocspFailure(status: keyof typeof FAILURE): Buffer {
  return writeResponse(FAILURE[status])
}

function writeResponse(status: number, ...bytes: readonly Buffer[]): Buffer {
  const code = writeDer(TAG.enumerated, Buffer.from([status]))
  return writeDer(TAG.sequence, code, ...bytes.map((part) => writeDer(0xa0, part)))
}
