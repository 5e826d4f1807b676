import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import type { SigningKey } from '../domain/key-ring.ts'

/** A new ES256 key; its id is its RFC 7638 thumbprint. */
export async function makeKey(now: number): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const { kty, crv, x, y, d } = await exportJWK(privateKey)
  const jwk = { kty, crv, x, y, d } as Record<string, string>
  return {
    kid: await calculateJwkThumbprint({ kty: 'EC', crv, x, y } as never),
    jwk,
    publishedAt: now,
  }
}
