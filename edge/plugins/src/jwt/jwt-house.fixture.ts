import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createTokenVerifier, type Refusal } from '@countersign/layers'
import { TestDirectory } from '../testing/directory.ts'
import { FakeRequest, type Given } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { signToken } from '../testing/signer.ts'
import { type TestTools, testTools } from '../testing/tools.ts'
import { jwt } from './jwt.ts'

/* Issuers of tokens, and what a gateway knows of them. */

export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const ec384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
export const ec521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const weakRsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
export const ed = generateKeyPairSync('ed25519')
export const provider = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const SECRET = 's'.repeat(32)
export const pem = (key: KeyObject): string =>
  key.export({ type: 'spki', format: 'pem' }).toString()
export const bearer = (token: string): Given => ({ headers: ['Authorization', `Bearer ${token}`] })
export const bad = (message: string): unknown[] => [401, message]

/** A gateway's tools with our own provider, and a consumer with three credentials. */
export class JwtHouse {
  readonly directory = new TestDirectory()
  tools: TestTools
  keysFetched = 0

  constructor() {
    const base = testTools()
    const verifier = createTokenVerifier({
      ...{ issuer: base.issuer, audience: base.audience, log: base.log },
      now: () => this.tools.nowMs,
      fetchKeys: async () => {
        this.keysFetched++
        const jwk = provider.publicKey.export({ format: 'jwk' })
        return { keys: [{ ...jwk, kid: 'k1', use: 'sig' }] }
      },
    })
    this.tools = testTools({
      directory: this.directory,
      verifyToken: (token) => verifier.verify(token, undefined),
    })
    const partner = this.directory.add('partner')
    const { directory } = this
    directory.addJwt(partner, { key: 'hs', secret: SECRET })
    directory.addJwt(partner, { key: 'es', algorithm: 'ES256', rsa_public_key: pem(ec.publicKey) })
    directory.addJwt(partner, { key: 'rs', algorithm: 'RS256', rsa_public_key: pem(rsa.publicKey) })
  }
  get seconds(): number {
    return Math.floor(this.tools.nowMs / 1000)
  }
  claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
    return { iss: 'es', sub: 'a', exp: this.seconds + 300, ...changes }
  }
  /** A token of the consumer. */
  es(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
    const head = { alg: 'ES256', typ: 'JWT', ...header }
    return signToken(head, this.claims(changes), ec.privateKey, 'ES256')
  }
  /** A token of our own provider. */
  own(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
    const { issuer: iss, audience: aud } = this.tools
    const person = { sub: 'user-1', preferred_username: 'alice', roles: ['admin'] }
    const life = { iat: this.seconds, exp: this.seconds + 300, jti: 't1', client_id: 'desk' }
    return signToken(
      { alg: 'ES256', kid: 'k1', typ: 'at+jwt', ...header },
      { iss, aud, ...person, ...life, ...changes },
      provider.privateKey,
      'ES256',
    )
  }
  async ask(
    given: Given,
    config: Record<string, unknown> = {},
  ): Promise<{ asked: FakeRequest; refusal: Refusal | undefined; said: unknown[] | undefined }> {
    const asked = new FakeRequest(given)
    const refusal = await access(instanceOf(jwt, config, this.tools), asked)
    return { asked, refusal, said: refusal && [refusal.status, refusal.facts.message] }
  }
}
