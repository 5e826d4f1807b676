import { TAG } from './der.ts'
import { OID } from './oids.ts'
import type { OcspIssuer } from './parse-ocsp-request.ts'
import { writeSerial } from './serial.ts'
import { NULL, writeDer, writeOid } from './write-der.ts'
import { writeExtension } from './write-extensions.ts'

/**
 * A question of OCSP about one certificate (RFC 6960, 4.1) in DER, which nobody signs. SHA-1 names the issuer, as every
 * responder understands it (RFC 5019, 2.1.1): it is a name here, and no proof. `nonce`: 32 octets (RFC 9654, 2.1).
 */
export function createOcspRequest(asked: {
  readonly issuer: OcspIssuer
  readonly serial: string
  readonly nonce: Buffer
}): Buffer {
  const { name, key } = asked.issuer.sha1
  const certId = writeDer(
    TAG.sequence,
    writeDer(TAG.sequence, writeOid(OID.sha1), NULL),
    writeDer(TAG.octetString, Buffer.from(name, 'hex')),
    writeDer(TAG.octetString, Buffer.from(key, 'hex')),
    writeSerial(asked.serial),
  )
  const nonce = writeExtension(OID.ocspNonce, writeDer(TAG.octetString, asked.nonce))
  const list = writeDer(TAG.sequence, writeDer(TAG.sequence, certId))
  const extensions = writeDer(0xa2, writeDer(TAG.sequence, nonce))
  return writeDer(TAG.sequence, writeDer(TAG.sequence, list, extensions))
}
