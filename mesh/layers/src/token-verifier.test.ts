import { Metrics } from '@countersign/ground/telemetry'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Refusal } from './refusal.ts'
import { createTestIssuer, createTestLog, type TestIssuer } from './testing/issuer.ts'
import type { VerifiedToken } from './token.ts'
import { type CachingTokenVerifier, createTokenVerifier } from './token-verifier.ts'

let issuer: TestIssuer
let verifier: CachingTokenVerifier
let lines: string[]
let metrics: Metrics

beforeEach(() => {
  const log = createTestLog()
  lines = log.lines
  issuer = createTestIssuer()
  metrics = new Metrics()
  verifier = createTokenVerifier({
    issuer: issuer.issuer,
    audience: issuer.audience,
    fetchKeys: () => issuer.fetchKeys(),
    now: () => issuer.clock,
    log: log.log,
    metrics,
  })
})
afterEach(() => {
  verifier.close()
  vi.useRealTimers()
})

const verify = async (token: string, peer?: string): Promise<VerifiedToken> =>
  verifier.verify(token, peer)
async function refusalOf(token: string, peer?: string): Promise<Refusal> {
  const thrown = await verify(token, peer).catch((error: unknown) => error)
  if (!(thrown instanceof Refusal)) throw new Error('was not refused')
  return thrown
}
const ruleOf = async (token: string, peer?: string) => (await refusalOf(token, peer)).facts.rule

describe('an access token of the issuer', () => {
  it('gives the person, with what a policy asks for', async () => {
    const token = issuer.token({
      roles: ['customer', 'support'],
      preferred_username: 'ada',
      scope: 'orders payments',
    })
    const verified = await verify(token)
    expect(verified.person).toEqual({
      id: 'user-1',
      name: 'ada',
      roles: ['customer', 'support'],
      clientId: 'desk',
      tokenId: 't1',
    })
    expect(verified.scopes).toEqual(['orders', 'payments'])
    expect(verified.boundTo).toBeUndefined()
    expect(verified.expiresAt).toBe(issuer.clock / 1000 + 300)
  })
  it('comes back from the cache at once, as the same object', async () => {
    const token = issuer.token()
    const first = await verify(token)
    expect(verifier.verify(token, undefined)).toBe(first)
    expect(verifier.recall(token, undefined)).toBe(first)
    expect(verifier.recall(issuer.token({ jti: 't2' }), undefined)).toBeUndefined()
  })
  it('is verified without a promise once the keys are there', async () => {
    await verify(issuer.token())
    expect(verifier.verify(issuer.token({ jti: 't2' }), undefined)).not.toBeInstanceOf(Promise)
  })
  it.each([
    ['a list of audiences', { aud: ['other', 'countersign'] }, {}],
    ['a type in upper case', {}, { typ: 'AT+JWT' }],
    ['a type with application/', {}, { typ: 'application/at+jwt' }],
    ['a start one minute ahead', { nbf: Date.UTC(2026, 10, 20) / 1000 + 60 }, {}],
  ])('may have %s', async (_what, claims, header) => {
    await expect(verify(issuer.token(claims, header))).resolves.toBeDefined()
  })
})

const at = Date.UTC(2026, 10, 20) / 1000
describe('a token is refused, and the rule says why, when', () => {
  it.each([
    ['it is an ID token', {}, { typ: 'JWT' }, 'it is not an access token (typ is not at+jwt)'],
    ['it has no type', {}, { typ: undefined }, 'it is not an access token (typ is not at+jwt)'],
    ['it is a refresh token', {}, { typ: 'rt+jwt' }, 'it is not an access token'],
    ['the issuer has another slash', { iss: 'https://localhost:8443/auth/' }, {}, 'another issuer'],
    ['the issuer is a list', { iss: ['https://localhost:8443/auth'] }, {}, 'another issuer'],
    ['the audience is another', { aud: 'other' }, {}, 'it is for another audience'],
    ['there is no audience', { aud: undefined }, {}, 'aud is not a text'],
    ['the audience holds a number', { aud: ['countersign', 1] }, {}, 'aud is not a text'],
    ['it has expired', { exp: at }, {}, 'it has expired'],
    ['there is no expiry', { exp: undefined }, {}, 'exp is not a number'],
    ['the expiry is a text', { exp: '9999999999' }, {}, 'exp is not a number'],
    ['it was issued in the future', { iat: at + 61 }, {}, 'it was issued in the future'],
    ['there is no time of issue', { iat: undefined }, {}, 'iat is not a number'],
    ['it is not valid yet', { nbf: at + 61 }, {}, 'it is not valid yet'],
    ['nbf is null', { nbf: null }, {}, 'nbf is not a number'],
    ['there is no subject', { sub: undefined }, {}, 'sub is not a text'],
    ['the subject is empty', { sub: '' }, {}, 'sub is not a text'],
    ['the subject is an object', { sub: { id: 1 } }, {}, 'sub is not a text'],
    ['the roles are one text', { roles: 'admin' }, {}, 'roles are not a short list of texts'],
    ['a role is a list', { roles: [['admin']] }, {}, 'roles are not a short list of texts'],
    ['there are too many roles', { roles: Array(65).fill('a') }, {}, 'roles are not a short list'],
    ['the scope is a list', { scope: ['a'] }, {}, 'scope is not a text'],
    ['the name is a number', { preferred_username: 7 }, {}, 'a name in it is not a text'],
    ['the binding is of DPoP', { cnf: { jkt: 'abc' } }, {}, 'cnf binds it in a way'],
    ['there are two bindings', { cnf: { jkt: 'a', 'x5t#S256': 'b' } }, {}, 'cnf binds it in a way'],
    ['the algorithm is none', {}, { alg: 'none' }, "algorithm none is not the key's"],
    ['the algorithm is HS256', {}, { alg: 'HS256' }, "algorithm HS256 is not the key's"],
  ])('%s', async (_what, claims, header, rule) => {
    const token = issuer.token(claims, header)
    const refusal = await refusalOf(token)
    expect(refusal.code).toBe('TOKEN_INVALID')
    expect(refusal.facts.rule).toContain(rule)
    expect(refusal.facts.rule).toMatch(/^token: /)
    expect(refusal.facts.headers).toEqual({ 'www-authenticate': 'Bearer error="invalid_token"' })
    expect(refusal.facts.remedy).toBeTruthy()
    expect(JSON.stringify(refusal.facts) + lines.join()).not.toContain(token.slice(0, 40))
    expect(await ruleOf(token)).toBe(refusal.facts.rule)
  })
  it('an expiry is beyond all numbers', async () => {
    const payload = JSON.stringify(issuer.claims({ exp: 0 })).replace('"exp":0', '"exp":1e999')
    expect(await ruleOf(issuer.signed(payload))).toBe('token: exp is not a number')
  })
  it('a claim is there twice', async () => {
    const payload = JSON.stringify(issuer.claims()).replace('{', '{"sub":"admin",')
    expect(await ruleOf(issuer.signed(payload))).toContain('claims are not one plain JSON object')
  })
  it('one character of the signature is another', async () => {
    const token = issuer.token()
    const forged = token.slice(0, -5) + (token.at(-5) === 'A' ? 'B' : 'A') + token.slice(-4)
    expect(await ruleOf(forged)).toBe('token: signature does not hold')
  })
  it('it expires while its verdict is in the cache', async () => {
    const token = issuer.token({ exp: at + 30 })
    await verify(token)
    issuer.clock += 29_999
    expect(verifier.recall(token, undefined)).toBeDefined()
    issuer.clock += 1
    expect(await ruleOf(token)).toBe('token: it has expired')
  })
})

describe('a bound token', () => {
  it('passes over its certificate only, from the cache as well', async () => {
    const token = issuer.token({ cnf: { 'x5t#S256': 'thumb-a' } })
    expect((await verify(token, 'thumb-a')).boundTo).toBe('thumb-a')
    for (const peer of ['thumb-b', undefined, '']) {
      expect(await ruleOf(token, peer)).toContain('bound to another certificate')
      expect(() => verifier.recall(token, peer)).toThrow('bound to another certificate')
    }
    expect(verifier.verify(token, 'thumb-a')).toBeDefined()
  })
})

describe('the keys', () => {
  it('are fetched once for all who wait', async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => verify(issuer.token({ jti: `${i}` }))))
    expect(issuer.fetches).toBe(1)
  })
  it('are fetched for an unknown key, once in 10 s whatever the flood', async () => {
    await verify(issuer.token())
    const stranger = createTestIssuer()
    const flood = () =>
      Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          ruleOf(stranger.token({ jti: `${i}` }, { kid: `unknown-${i}` })),
        ),
      )
    expect(new Set(await flood())).toEqual(new Set(['token: key is not known']))
    await flood()
    expect(issuer.fetches).toBe(2)
    issuer.clock += 10_000
    await flood()
    expect(issuer.fetches).toBe(3)
  })
  it('that are new are learnt from the first token that names them, and the cache is emptied', async () => {
    const old = issuer.token()
    await verify(old)
    issuer.rotate('k2')
    await expect(verify(issuer.token({ jti: 't2' }))).resolves.toBeDefined()
    expect(issuer.fetches).toBe(2)
    expect(verifier.recall(old, undefined)).toBeUndefined()
    await expect(verify(old)).resolves.toBeDefined()
  })
  it('that were withdrawn no longer count, from the cache neither', async () => {
    const old = issuer.token()
    await verify(old)
    issuer.rotate('k2')
    issuer.jwks.keys.shift()
    await verify(issuer.token({ jti: 't2' }))
    issuer.clock += 10_000
    expect(await ruleOf(old)).toBe('token: key is not known')
  })
  it('are refreshed in the background every 5 minutes', async () => {
    vi.useFakeTimers()
    await verify(issuer.token())
    await vi.advanceTimersByTimeAsync(5 * 60_000 * 3)
    expect(issuer.fetches).toBe(4)
  })
  it.each([
    ['is empty', { keys: [] }],
    ['holds a secret', { keys: [{ kty: 'oct', k: 'AA', kid: 'k1' }] }],
    ['is nonsense', { keys: [null] } as unknown as { keys: object[] }],
  ])('stay when the set that is fetched %s', async (_what, bad) => {
    vi.useFakeTimers()
    await verify(issuer.token())
    issuer.jwks = bad
    await vi.advanceTimersByTimeAsync(6 * 60_000)
    expect(issuer.fetches).toBeGreaterThan(2)
    issuer.clock += 6 * 60_000
    await expect(verify(issuer.token({ jti: 't2' }))).resolves.toBeDefined()
    expect(lines.filter((line) => line.includes('cannot be fetched'))).toHaveLength(1)
  })
  it('are honoured for a day while the issuer is away, then tokens are refused as uncheckable', async () => {
    await verify(issuer.token())
    issuer.fetchKeys = () => Promise.reject(new Error('connect ECONNREFUSED'))
    issuer.clock += 24 * 60 * 60_000 - 1
    await expect(verify(issuer.token({ jti: 't2' }))).resolves.toBeDefined()
    issuer.clock += 1
    const refusal = await refusalOf(issuer.token({ jti: 't3' }))
    expect(refusal.code).toBe('KEYS_UNAVAILABLE')
    expect(refusal.status).toBe(503)
  })
  it('are asked for again each second while there are none', async () => {
    const working = issuer.fetchKeys.bind(issuer)
    let fetches = 0
    issuer.fetchKeys = () => {
      fetches++
      return Promise.reject(new Error('away'))
    }
    expect((await refusalOf(issuer.token())).code).toBe('KEYS_UNAVAILABLE')
    expect((await refusalOf(issuer.token())).code).toBe('KEYS_UNAVAILABLE')
    expect(fetches).toBe(1)
    issuer.fetchKeys = working
    issuer.clock += 1000
    await expect(verify(issuer.token())).resolves.toBeDefined()
  })
  it('that do not come are not waited for without end', async () => {
    vi.useFakeTimers()
    issuer.fetchKeys = () => new Promise(() => undefined)
    const refused = refusalOf(issuer.token())
    await vi.advanceTimersByTimeAsync(5_000)
    expect((await refused).code).toBe('KEYS_UNAVAILABLE')
  })
})

it('counts what was verified, refused and not checkable', async () => {
  await verify(issuer.token())
  await refusalOf(issuer.token({ aud: 'x' }))
  const text = await metrics.text()
  expect(text).toContain('countersign_token_verifications_total{outcome="verified"} 1')
  expect(text).toContain('countersign_token_verifications_total{outcome="refused"} 1')
  expect(text).toContain('countersign_token_cache_entries 1')
  expect(text).toContain('countersign_token_keys_age_seconds 0')
})
