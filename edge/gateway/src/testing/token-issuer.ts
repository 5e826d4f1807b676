import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/* Access tokens for tests, good and bad. */

export const ISSUER = 'https://localhost:8443/auth'

export class TokenIssuer {
  readonly #key: KeyObject
  readonly jwk: Record<string, unknown> & { kid: string }
  constructor(kid = 'k1') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    this.#key = privateKey
    this.jwk = { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' }
  }
  claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000)
    return {
      ...{ iss: ISSUER, aud: 'countersign', sub: 'user-1', preferred_username: 'alice' },
      ...{ roles: ['customer'], iat: now, exp: now + 300, jti: 't1', client_id: 'desk' },
      ...changes,
    }
  }
  token(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
    const input = signingInput(
      { alg: 'ES256', kid: this.jwk.kid, typ: 'at+jwt', ...header },
      this.claims(changes),
    )
    const how = { key: this.#key, dsaEncoding: 'ieee-p1363' } as const
    return `${input}.${sign('sha256', Buffer.from(input), how).toString('base64url')}`
  }
}

export function signingInput(header: object, claims: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  return `${encode(header)}.${encode(claims)}`
}
