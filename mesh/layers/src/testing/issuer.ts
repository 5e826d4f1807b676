import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createLog, type Log } from '@countersign/ground/telemetry'

/** An issuer of tokens for tests, with a clock that stands still until it is moved. */
export interface TestIssuer {
  readonly issuer: string
  readonly audience: string
  /** Milliseconds since 1970. */
  clock: number
  /** The published set. */
  jwks: { keys: object[] }
  /** How often the set was fetched. */
  fetches: number
  fetchKeys(): Promise<{ keys: object[] }>
  claims(changes?: Record<string, unknown>): Record<string, unknown>
  token(changes?: Record<string, unknown>, header?: Record<string, unknown>): string
  /** A token with claims as they are written. */
  signed(payload: string): string
  rotate(kid: string): void
}

export function createTestIssuer(): TestIssuer {
  let signer = newKey('k1')
  return {
    issuer: 'https://localhost:8443/auth',
    audience: 'countersign',
    clock: Date.UTC(2026, 10, 20),
    jwks: { keys: [signer.jwk] },
    fetches: 0,
    fetchKeys() {
      this.fetches++
      return Promise.resolve(this.jwks)
    },
    claims(changes = {}) {
      const now = Math.floor(this.clock / 1000)
      return {
        iss: this.issuer,
        aud: this.audience,
        sub: 'user-1',
        iat: now,
        exp: now + 300,
        jti: 't1',
        client_id: 'desk',
        ...changes,
      }
    },
    token(changes, header = {}) {
      const head = { alg: 'ES256', kid: signer.kid, typ: 'at+jwt', ...header }
      return signToken(head, JSON.stringify(this.claims(changes)), signer.key)
    },
    signed(payload) {
      return signToken({ alg: 'ES256', kid: signer.kid, typ: 'at+jwt' }, payload, signer.key)
    },
    rotate(kid) {
      signer = newKey(kid)
      this.jwks = { keys: [...this.jwks.keys, signer.jwk] }
    },
  }
}

function newKey(kid: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { kid, key: privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' } }
}

function signToken(header: object, payload: string, key: KeyObject): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64url')
  const input = `${encode(JSON.stringify(header))}.${encode(payload)}`
  const how = { key, dsaEncoding: 'ieee-p1363' } as const
  return `${input}.${sign('sha256', Buffer.from(input), how).toString('base64url')}`
}

/** A log that keeps its lines. */
export function createTestLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  return { log: createLog({ service: 'test', node: 'test-1', destination }), lines }
}
