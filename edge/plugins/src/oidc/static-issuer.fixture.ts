import type { PluginTools } from '@countersign/kong'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Refusal } from '@countersign/layers'
import { TestDirectory } from '../testing/directory.ts'
import { FakeRequest, type Given } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { signToken } from '../testing/signer.ts'
import { startTlsServer, type TlsServer } from '../testing/tls-server.ts'
import { type TestTools, testTools } from '../testing/tools.ts'
import { openidConnect } from './openid-connect.ts'

/* An issuer that only publishes, over TLS; what it says a test may change. And a gateway that knows it. */

export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const jwkOf = (key: KeyObject, more: Record<string, unknown>): Record<string, unknown> => ({
  ...key.export({ format: 'jwk' }),
  ...more,
})
export const published = (): Record<string, unknown>[] => [
  jwkOf(ec.publicKey, { kid: 'ec', use: 'sig', alg: 'ES256' }),
  jwkOf(rsa.publicKey, { kid: 'rsa', use: 'sig' }),
]
export const bearer = (token: string): Given => ({ headers: ['Authorization', `Bearer ${token}`] })

export class StaticIssuer implements AsyncDisposable {
  readonly #server: TlsServer
  /** What is changed in the document. */
  changes: Record<string, unknown> = {}
  keys: unknown = { keys: published() }
  isAway = false
  /** Paths that were asked for. */
  readonly asked: string[] = []

  private constructor(server: TlsServer) {
    this.#server = server
  }
  static async start(): Promise<StaticIssuer> {
    const server = await startTlsServer((request, response) => {
      const answer = issuer.#answer(request.url ?? '')
      response.writeHead(answer === undefined ? 503 : 200, { 'content-type': 'application/json' })
      response.end(answer === undefined ? 'away' : JSON.stringify(answer))
    })
    const issuer = new StaticIssuer(server)
    return issuer
  }
  get issuer(): string {
    return this.#server.origin
  }
  get fetch(): TlsServer['fetch'] {
    return this.#server.fetch
  }
  #answer(path: string): unknown {
    this.asked.push(path)
    if (this.isAway) return undefined
    if (path === '/keys') return this.keys
    const { issuer } = this
    if (path === '/.well-known/openid-configuration')
      return { issuer, jwks_uri: `${issuer}/keys`, ...this.changes }
    return undefined
  }
  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.#server[Symbol.asyncDispose]()
  }
}

/** A gateway with nothing in its caches. */
export class OidcHouse {
  readonly directory = new TestDirectory()
  readonly tools: TestTools
  readonly issuer: StaticIssuer

  constructor(issuer: StaticIssuer, given: Partial<PluginTools> = {}) {
    this.issuer = issuer
    issuer.isAway = false
    issuer.changes = {}
    issuer.keys = { keys: published() }
    issuer.asked.length = 0
    this.tools = testTools({ directory: this.directory, fetch: issuer.fetch, ...given })
  }
  get seconds(): number {
    return Math.floor(this.tools.nowMs / 1000)
  }
  claims(changes: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      ...{ iss: this.issuer.issuer, aud: 'orders', sub: 'anna', scope: 'read write' },
      ...{ iat: this.seconds, exp: this.seconds + 300, ...changes },
    }
  }
  token(changes: Record<string, unknown> = {}, header: Record<string, unknown> = {}): string {
    const head = { alg: 'ES256', kid: 'ec', typ: 'at+jwt', ...header }
    return signToken(head, this.claims(changes), ec.privateKey, 'ES256')
  }
  config(changes: Record<string, unknown> = {}): Record<string, unknown> {
    return { issuer: this.issuer.issuer, audience_required: ['orders'], ...changes }
  }
  async ask(
    given: Given,
    config: Record<string, unknown> = {},
  ): Promise<{ asked: FakeRequest; refusal: Refusal | undefined; status: number | undefined }> {
    const asked = new FakeRequest(given)
    const refusal = await access(instanceOf(openidConnect, this.config(config), this.tools), asked)
    return { asked, refusal, status: refusal?.status }
  }
}
