import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { signToken } from '../testing/signer.ts'

/** Who has a key, and makes proofs of it. */
export interface Holder {
  readonly privateKey: KeyObject
  readonly jwk: Record<string, unknown>
  readonly jkt: string
}
export const hash = (text: string): string => createHash('sha256').update(text).digest('base64url')

export function holder(): Holder {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' })
  return { privateKey, jwk: { kty, crv, x, y }, jkt: hash(JSON.stringify({ crv, kty, x, y })) }
}

export function signProof(
  by: Holder,
  claims: Record<string, unknown>,
  { head = {}, signedBy = by }: { head?: Record<string, unknown>; signedBy?: Holder } = {},
): string {
  const header = { alg: 'ES256', typ: 'dpop+jwt', jwk: by.jwk, ...head }
  return signToken(header, claims, signedBy.privateKey, 'ES256')
}
