import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import type { SpiffeId } from '../spiffe/index.ts'
import { TAG } from './der.ts'
import { OID } from './oids.ts'
import { writePem } from './pem.ts'
import { writeDer, writeOid } from './write-der.ts'

const VERSION_0 = writeDer(TAG.integer, Buffer.from([0]))
const NO_SUBJECT = writeDer(TAG.sequence)
const TRUE = writeDer(TAG.boolean, Buffer.from([0xff]))
const ATTRIBUTES = 0xa0
const URI = 0x86

/**
 * A certificate request (PKCS#10, RFC 2986) in PEM: empty subject, the SPIFFE id as the one name, signed with
 * ECDSA and SHA-256 by a P-256 key. Written by hand because every workload makes one, and the certificate library
 * would cost each process 20 MB.
 */
export async function createCsr(options: { id: SpiffeId; privateKey: KeyObject }): Promise<string> {
  const { id, privateKey } = options
  if (privateKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new TypeError('certificate requests are made for P-256 keys')
  }
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  const info = writeDer(TAG.sequence, VERSION_0, NO_SUBJECT, publicKey, writeAttributes(id))
  const algorithm = writeDer(TAG.sequence, writeOid(OID.ecdsaWithSha256))
  const signature = writeDer(TAG.bitString, Buffer.from([0]), sign('sha256', info, privateKey))
  return writePem(writeDer(TAG.sequence, info, algorithm, signature), 'CERTIFICATE REQUEST')
}

/** The attribute extensionRequest (RFC 2985, 5.4.2) with a subjectAltName, critical as there is no subject. */
function writeAttributes(id: SpiffeId): Buffer {
  const names = writeDer(TAG.sequence, writeDer(URI, Buffer.from(id, 'ascii')))
  const value = writeDer(TAG.octetString, names)
  const extension = writeDer(TAG.sequence, writeOid(OID.subjectAltName), TRUE, value)
  const extensions = writeDer(TAG.set, writeDer(TAG.sequence, extension))
  return writeDer(ATTRIBUTES, writeDer(TAG.sequence, writeOid(OID.extensionRequest), extensions))
}
