import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FakeRequest } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { encode, signToken } from '../testing/signer.ts'
import { testTools } from '../testing/tools.ts'
import { openidConnect } from './openid-connect.ts'
import {
  bearer,
  ec,
  foreign,
  jwkOf,
  OidcHouse,
  published,
  rsa,
  StaticIssuer,
} from './static-issuer.fixture.ts'

let issuer: StaticIssuer
let house: OidcHouse
beforeAll(async () => {
  issuer = await StaticIssuer.start()
})
afterAll(() => issuer[Symbol.asyncDispose]())
beforeEach(() => {
  house = new OidcHouse(issuer)
})
const rs = (header: Record<string, unknown> = {}) =>
  signToken(
    { alg: 'RS256', kid: 'rsa', ...header },
    house.claims(),
    rsa.privateKey,
    header.alg ? String(header.alg) : 'RS256',
  )

describe('a token of the issuer', () => {
  test('is discovered once, and proves who asks', async () => {
    const { asked, refusal } = await house.ask(bearer(house.token()))
    expect(refusal).toBeUndefined()
    expect(asked.credentialId).toBe(`${issuer.issuer}#anna`)
    expect(asked.person).toBeUndefined()
    await house.ask(bearer(house.token({ sub: 'ben' })))
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys'])
  })
  test('RS256 by a key that names no algorithm', async () => {
    expect((await house.ask(bearer(rs()))).status).toBeUndefined()
  })
  test('the place of the document may be named in place of the issuer', async () => {
    const named = `${issuer.issuer}/.well-known/openid-configuration`
    expect((await house.ask(bearer(house.token()), { issuer: named })).status).toBeUndefined()
  })
  test('issuers_allowed', async () => {
    const config = { issuers_allowed: ['https://old.example'] }
    const token = house.token({ iss: 'https://old.example' })
    expect((await house.ask(bearer(token), config)).status).toBeUndefined()
    expect((await house.ask(bearer(token))).status).toBe(401)
  })
  test('bound to a certificate, it needs the connection of that', async () => {
    const leaf = Buffer.from('a certificate')
    const thumbprint = createHash('sha256').update(leaf).digest('base64url')
    const token = house.token({ cnf: { 'x5t#S256': thumbprint } })
    const client = { certificates: () => [leaf] }
    expect((await house.ask({ ...bearer(token), client })).status).toBeUndefined()
    expect((await house.ask(bearer(token))).status).toBe(401)
    expect(
      (await house.ask({ ...bearer(house.token({ cnf: { jkt: 'x' } })), client })).status,
    ).toBe(401)
    const strict = { proof_of_possession_mtls: 'strict' }
    expect((await house.ask({ ...bearer(token), client }, strict)).status).toBeUndefined()
    expect((await house.ask({ ...bearer(house.token()), client }, strict)).status).toBe(401)
  })
})

describe('attacks', () => {
  const unsigned = (alg: string, rest = 'AAAA') =>
    `${encode(JSON.stringify({ alg, kid: 'ec' }))}.${encode(JSON.stringify(house.claims()))}.${rest}`
  test.each<[string, () => string]>([
    ['A01 none', () => unsigned('none')],
    ['A01 no signature', () => unsigned('ES256', '')],
    [
      'A02 the public key as a secret',
      () =>
        signToken(
          { alg: 'HS256', kid: 'ec' },
          house.claims(),
          JSON.stringify(jwkOf(ec.publicKey, {})),
        ),
    ],
    ['A03 another algorithm of the same key', () => rs({ alg: 'PS256' })],
    ['A03 another hash', () => rs({ alg: 'RS512' })],
    ['A04 kid is a path', () => house.token({}, { kid: '../../keys' })],
    ['A04 kid is __proto__', () => house.token({}, { kid: '__proto__' })],
    ['A04 kid of another key', () => house.token({}, { kid: 'rsa' })],
    ['A04 no kid, and two keys', () => house.token({}, { kid: undefined })],
    [
      'A05 brings its own key',
      () =>
        signToken(
          { alg: 'ES256', kid: 'ec', jwk: jwkOf(foreign.publicKey, {}), jku: 'https://evil.test' },
          house.claims(),
          foreign.privateKey,
        ),
    ],
    ['A06 crit', () => house.token({}, { crit: ['b64'], b64: false })],
    ['A09 padding', () => `${house.token()}=`],
    ['A11 too long', () => house.token({ a: 'x'.repeat(9_000) })],
    ['A12 over', () => house.token({ exp: house.seconds })],
    ['A12 without end', () => house.token({ exp: undefined })],
    ['A12 not yet', () => house.token({ nbf: house.seconds + 61 })],
    ['A13 another audience', () => house.token({ aud: 'others' })],
    ['A13 an audience with ours in it', () => house.token({ aud: 'orders2' })],
    ['A13 no audience', () => house.token({ aud: undefined })],
    ['A13 another issuer', () => house.token({ iss: 'https://evil.test' })],
    ['A13 a slash more', () => house.token({ iss: `${issuer.issuer}/` })],
    ['A13 a list of issuers', () => house.token({ iss: [issuer.issuer] })],
    ['A14 an ID token', () => house.token({ at_hash: 'x' }, { typ: 'JWT' })],
    ['A14 an ID token of Keycloak', () => house.token({ typ: 'ID' }, { typ: 'JWT' })],
    ['A14 a refresh token', () => house.token({ typ: 'Refresh' }, { typ: 'JWT' })],
    ['A14 a logout token', () => house.token({ events: {} }, { typ: 'logout+jwt' })],
    ['no subject', () => house.token({ sub: undefined })],
    ['no JWT', () => 'opaque-token'],
  ])('%s: 401', async (_, token) => {
    const { asked, refusal, status } = await house.ask(bearer(token()))
    expect(status).toBe(401)
    expect(refusal?.facts.message).toBe('Unauthorized')
    expect(refusal?.facts.headers?.['www-authenticate']).toContain('error="invalid_token"')
    expect(asked.credentialId).toBeUndefined()
    expect(issuer.asked.filter((path) => path !== '/keys' && !path.includes('openid'))).toEqual([])
  })

  test('A15: the same kid of another issuer is another key', async () => {
    await using other = await StaticIssuer.start()
    other.keys = { keys: [jwkOf(foreign.publicKey, { kid: 'ec', alg: 'ES256' })] }
    const fetch: typeof issuer.fetch = (request) =>
      request.url.startsWith(other.issuer) ? other.fetch(request) : issuer.fetch(request)
    const tools = testTools({ fetch, directory: house.directory })
    const ask = (named: string, token: string) =>
      access(
        instanceOf(openidConnect, { ...house.config(), issuer: named }, tools),
        new FakeRequest(bearer(token)),
      )
    expect(await ask(issuer.issuer, house.token())).toBeUndefined()
    expect((await ask(other.issuer, house.token()))?.status).toBe(401)
    expect((await ask(other.issuer, house.token({ iss: other.issuer })))?.status).toBe(401)
  })

  test('A18: two tokens, or one that cannot be read', async () => {
    const token = house.token()
    for (const headers of [
      ['Authorization', `Bearer ${token}`, 'authorization', `Bearer ${token}`],
      ['Authorization', `Bearer ${token}, Bearer ${token}`],
    ])
      expect((await house.ask({ headers })).status).toBe(401)
  })
})

describe('A20: the issuer', () => {
  test('rotates its keys: a new one is fetched for, an old one goes at once', async () => {
    const instance = instanceOf(openidConnect, house.config(), house.tools)
    const ask = (token: string) => access(instance, new FakeRequest(bearer(token)))
    const old = house.token()
    expect(await ask(old)).toBeUndefined()
    issuer.keys = { keys: [jwkOf(foreign.publicKey, { kid: 'new', alg: 'ES256' })] }
    const head = { alg: 'ES256', kid: 'new', typ: 'at+jwt' }
    const young = signToken(head, house.claims(), foreign.privateKey)
    expect((await ask(young))?.status).toBe(401)
    house.tools.nowMs += 30_000
    expect(await ask(young)).toBeUndefined()
    expect((await ask(old))?.status).toBe(401)
  })

  test('is asked once, however many tokens with unknown keys come', async () => {
    await house.ask(bearer(house.token()))
    house.tools.nowMs += 30_000
    issuer.asked.length = 0
    const instance = instanceOf(openidConnect, house.config(), house.tools)
    const many = Array.from({ length: 500 }, (_, i) =>
      access(
        instance,
        new FakeRequest({
          ...bearer(house.token({}, { kid: `k${i}` })),
          client: { address: `192.0.2.${i % 250}` },
        }),
      ),
    )
    for (const refusal of await Promise.all(many)) expect(refusal?.status).toBe(401)
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys'])
  })

  test.each<[string, (at: StaticIssuer) => void]>([
    ['is away', (at) => Object.assign(at, { isAway: true })],
    ['says it is another', (at) => Object.assign(at, { changes: { issuer: 'https://evil.test' } })],
    [
      'has its keys without TLS',
      (at) => Object.assign(at, { changes: { jwks_uri: 'http://localhost/keys' } }),
    ],
    [
      'publishes a secret',
      (at) => Object.assign(at, { keys: { keys: [...published(), { kty: 'oct', k: 'x' }] } }),
    ],
    [
      'publishes a private key',
      (at) => Object.assign(at, { keys: { keys: [ec.privateKey.export({ format: 'jwk' })] } }),
    ],
    [
      'publishes two keys of one name',
      (at) => Object.assign(at, { keys: { keys: [...published(), ...published()] } }),
    ],
    [
      'publishes ten thousand keys',
      (at) =>
        Object.assign(at, {
          keys: { keys: Array.from({ length: 10_000 }, (_, i) => ({ kty: 'EC', kid: `${i}` })) },
        }),
    ],
    ['publishes no key', (at) => Object.assign(at, { keys: { keys: [] } })],
    [
      'publishes keys for encryption',
      (at) =>
        Object.assign(at, { keys: { keys: published().map((key) => ({ ...key, use: 'enc' })) } }),
    ],
    [
      'answers 10 MB',
      (at) => Object.assign(at, { keys: { keys: published(), x: 'x'.repeat(10_000_000) } }),
    ],
  ])('%s: 503 while nothing is known, the last good keys afterwards', async (_, spoil) => {
    spoil(issuer)
    expect((await house.ask(bearer(house.token()))).status).toBe(503)
    const fresh = new OidcHouse(issuer)
    const instance = instanceOf(openidConnect, fresh.config(), fresh.tools)
    const ask = (token: string) => access(instance, new FakeRequest(bearer(token)))
    expect(await ask(fresh.token())).toBeUndefined()
    spoil(issuer)
    fresh.tools.nowMs += 6 * 60_000
    expect(await ask(fresh.token())).toBeUndefined()
    fresh.tools.nowMs += 24 * 60 * 60_000
    expect((await ask(fresh.token()))?.status).toBe(503)
  })

  test('names the algorithms that it uses: others are not believed', async () => {
    issuer.changes = { id_token_signing_alg_values_supported: ['RS256', 'none', 'HS256'] }
    expect((await house.ask(bearer(house.token()))).status).toBe(401)
    expect((await house.ask(bearer(rs()))).status).toBeUndefined()
  })
})
