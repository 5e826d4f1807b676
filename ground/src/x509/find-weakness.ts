import type { KeyObject } from 'node:crypto'
import { RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_BITS_MAX, RSA_EXPONENT_MIN } from './limits.ts'
import { findModulusWeakness } from './modulus-weakness.ts'

/*
 * A public key is good for a certificate if
 *
 * - it is of P-256 or P-384, or RSA; that a point lies on its curve is seen to by whoever made the KeyObject (OpenSSL)
 * - it is none of those that are taken, as the keys of the authorities are
 * - RSA has 2048 to 8192 bits, and an odd exponent from 65537 on, of 32 bits at most
 * - its modulus is none of those that can be taken apart: see modulus-weakness.ts
 *
 * The keys of Debian's broken OpenSSL (CVE-2008-0166) can only be told by lists of megabytes. They are not carried here.
 */
const CURVES: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1'])

/** Why a certificate should not be for this key; `undefined` where nothing speaks against it. Never throws. */
export function findWeakness(
  publicKey: KeyObject,
  options: { taken?: readonly KeyObject[] } = {},
): string | undefined {
  if (publicKey.type !== 'public') return 'the key is not a public one'
  if (options.taken?.some((key) => key.equals(publicKey))) return 'the key is taken'
  if (publicKey.asymmetricKeyType === 'rsa') return findRsaWeakness(publicKey)
  if (publicKey.asymmetricKeyType !== 'ec') return 'the key is neither of RSA nor of P-256 or P-384'
  const curve = publicKey.asymmetricKeyDetails?.namedCurve
  return CURVES.has(curve) ? undefined : 'the curve of the key is neither P-256 nor P-384'
}

function findRsaWeakness(key: KeyObject): string | undefined {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {}
  if (!(modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX)) {
    return `the RSA key has ${modulusLength} bits`
  }
  if (!(publicExponent >= RSA_EXPONENT_MIN && publicExponent % 2n === 1n)) {
    return 'the RSA key has a weak exponent'
  }
  if (!(publicExponent < 2n ** RSA_EXPONENT_BITS_MAX)) return 'the RSA key has a long exponent'
  const { n = '' } = key.export({ format: 'jwk' })
  return findModulusWeakness(BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`))
}
