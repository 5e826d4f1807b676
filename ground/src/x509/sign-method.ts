import { type KeyObject, sign } from 'node:crypto'
import { TAG } from './der.ts'
import { X509Error } from './errors.ts'
import { OID } from './oids.ts'
import { NULL, writeBitString, writeDer, writeOid } from './write-der.ts'

interface Method {
  readonly hash: string
  /** AlgorithmIdentifier: no parameters with ECDSA (RFC 5758), NULL with RSA (RFC 4055). */
  readonly algorithm: Buffer
}
const P256: Method = {
  hash: 'sha256',
  algorithm: writeDer(TAG.sequence, writeOid(OID.ecdsaWithSha256)),
}
const P384: Method = {
  hash: 'sha384',
  algorithm: writeDer(TAG.sequence, writeOid(OID.ecdsaWithSha384)),
}
const RSA: Method = {
  hash: 'sha256',
  algorithm: writeDer(TAG.sequence, writeOid(OID.sha256WithRsa), NULL),
}

/** How a key signs. Throws `X509Error` KEY_REFUSED for a key that is none of P-256, P-384 and RSA. */
export function signMethodOf(key: KeyObject): Method {
  if (key.asymmetricKeyType === 'rsa') return RSA
  const curve = key.asymmetricKeyDetails?.namedCurve
  if (curve === 'prime256v1') return P256
  if (curve === 'secp384r1') return P384
  throw new X509Error('KEY_REFUSED', 'certificates are signed with keys of P-256, P-384 and RSA')
}

/**
 * What certificates, CRLs and OCSP answers look like once they are signed: the signed part, the algorithm, the
 * signature, and in OCSP more after that.
 */
export function writeSigned(tbs: Buffer, key: KeyObject, ...after: readonly Buffer[]): Buffer {
  const { hash, algorithm } = signMethodOf(key)
  const signature = writeBitString(sign(hash, tbs, key))
  return writeDer(TAG.sequence, tbs, algorithm, signature, ...after)
}
