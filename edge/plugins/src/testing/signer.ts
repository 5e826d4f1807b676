import { constants, createHmac, type KeyObject, sign } from 'node:crypto'

/* Tokens for tests, good and bad, made by other code than checks them. */

export const encode = (text: string): string => Buffer.from(text).toString('base64url')

/** A token with this header and these claims, signed as its `alg` says, or as `as` does. */
export function signToken(
  header: { readonly alg: string; readonly [name: string]: unknown },
  claims: object | string,
  key: KeyObject | string,
  as: string = header.alg,
): string {
  const payload = typeof claims === 'string' ? claims : JSON.stringify(claims)
  const input = `${encode(JSON.stringify(header))}.${encode(payload)}`
  return `${input}.${signatureOf(as, Buffer.from(input), key).toString('base64url')}`
}

function signatureOf(algorithm: string, input: Buffer, key: KeyObject | string): Buffer {
  const hash = `sha${algorithm.slice(2)}`
  if (typeof key === 'string') return createHmac(hash, key).update(input).digest()
  if (algorithm === 'EdDSA') return sign(null, input, key)
  if (algorithm.startsWith('ES')) return sign(hash, input, { key, dsaEncoding: 'ieee-p1363' })
  if (algorithm.startsWith('RS')) return sign(hash, input, key)
  const padding = constants.RSA_PKCS1_PSS_PADDING
  return sign(hash, input, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
}
