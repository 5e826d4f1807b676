import { generateKeyPairSync } from 'node:crypto'
import { temporaryFolder } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AcmeHost, startAcme } from './testing/acme-host.ts'
import { AcmeSession, encode, type JwsParts, send, signJws } from './testing/acme-session.ts'

/* RFC 8555, 6: who asks, and how it is said. Every refusal is made of a request that is right but for one thing. */
let folder: ReturnType<typeof temporaryFolder>
let host: AcmeHost
let session: AcmeSession
beforeAll(async () => {
  folder = temporaryFolder()
  host = await startAcme({ folder: folder.path })
  session = new AcmeSession(host)
  await session.register()
})
afterAll(async () => {
  await host.close()
  folder[Symbol.dispose]()
})

const NONCE = /^[A-Za-z0-9_-]{43}$/
const urn = (type: string) => `urn:ietf:params:acme:error:${type}`

describe('what everybody may ask', () => {
  it('the directory names the resources and what an account takes', async () => {
    const { status, headers, body } = await send(host, { method: 'GET', url: host.directory })
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/json',
    })
    expect(Object.keys(body).sort()).toEqual([
      'keyChange',
      'meta',
      'newAccount',
      'newNonce',
      'newOrder',
      'renewalInfo',
      'revokeCert',
    ])
    expect(body.meta).toEqual({ externalAccountRequired: true })
  })

  it.each([
    ['HEAD', 200],
    ['GET', 204],
  ])('a nonce with %s', async (method, status) => {
    const answer = await send(host, { method, url: session.url('new-nonce') })
    expect(answer).toMatchObject({ status, text: '', headers: { 'cache-control': 'no-store' } })
    expect(answer.headers['replay-nonce']).toMatch(NONCE)
    expect(answer.headers.link).toBe(`<${host.directory}>;rel="index"`)
  })

  it('a resource that is asked with a signature does not answer GET', async () => {
    const answer = await send(host, { method: 'GET', url: session.url('new-order') })
    expect(answer).toMatchObject({ status: 405, body: { type: urn('malformed') } })
    expect(answer.headers['replay-nonce']).toMatch(NONCE)
  })
})

const header =
  (change: Record<string, unknown>) =>
  (parts: JwsParts): JwsParts => ({
    ...parts,
    protected: { ...parts.protected, ...change },
  })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** D01. What is asked is the account itself, which would be answered with 200. */
// biome-ignore format: a table
const cases: [string, (parts: JwsParts) => JwsParts, number, string][] = [
  ['HS256',                    header({ alg: 'HS256' }),                          400, 'badSignatureAlgorithm'],
  ['none',                     header({ alg: 'none' }),                           400, 'badSignatureAlgorithm'],
  ['an algorithm of another key', header({ alg: 'RS256' }),                       400, 'badSignatureAlgorithm'],
  ['no algorithm',             header({ alg: undefined }),                        400, 'malformed'],
  ['no nonce',                 header({ nonce: undefined }),                      400, 'badNonce'],
  ['a nonce that was made up', header({ nonce: 'A'.repeat(43) }),                 400, 'badNonce'],
  ['a nonce that is no text',  header({ nonce: 7 }),                              400, 'badNonce'],
  ['another url',              header({ url: 'https://127.0.0.1/acme/order/x' }), 401, 'unauthorized'],
  ['no url',                   header({ url: undefined }),                        400, 'malformed'],
  ['kid and jwk',              (parts) => header({ jwk: session.jwk })(parts),    400, 'malformed'],
  ['neither kid nor jwk',      header({ kid: undefined }),                        400, 'malformed'],
  ['jwk where kid belongs',    (parts) => header({ kid: undefined, jwk: session.jwk })(parts), 400, 'malformed'],
  ['an unknown kid',           (parts) => header({ kid: `${session.kid}x` })(parts), 400, 'accountDoesNotExist'],
  ['a kid of another server',  header({ kid: 'https://127.0.0.1:1/acme/account/x' }), 400, 'accountDoesNotExist'],
  ['crit',                     header({ crit: ['b64'] }),                         400, 'malformed'],
  ['b64',                      header({ b64: false }),                            400, 'malformed'],
  ['a payload that is no JSON', (parts) => ({ ...parts, payload: 'AAAA' }),       400, 'malformed'],
  ['a payload with a name twice', (parts) => ({ ...parts, payload: Buffer.from('{"status":"x","status":"deactivated"}').toString('base64url') }), 400, 'malformed'],
]

describe('a signed request is refused, with a fresh nonce, for', () => {
  it.each(cases)('%s', async (_, change, status, type) => {
    const parts = change(await session.parts(String(session.kid), {}))
    const answer = await session.postJws(String(session.kid), signJws(parts, session.key))
    expect(answer).toMatchObject({ status, body: { type: urn(type), status } })
    expect(answer.headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'application/problem+json',
    })
    expect(answer.headers['replay-nonce']).toMatch(NONCE)
  })

  const good = async () => signJws(await session.parts(String(session.kid)), session.key)
  it.each<[string, (jws: object) => object | string, number, string]>([
    ['an unprotected header', (jws) => ({ ...jws, header: {} }), 400, 'malformed'],
    ['a list of signatures', (jws) => ({ ...jws, signatures: [] }), 400, 'malformed'],
    ['no signature', (jws) => ({ ...jws, signature: undefined }), 400, 'malformed'],
    ['padding', (jws) => ({ ...jws, payload: 'e30=' }), 400, 'malformed'],
    ['another payload', (jws) => ({ ...jws, payload: encode({ a: 1 }) }), 401, 'unauthorized'],
    ['no JWS', () => ({}), 400, 'malformed'],
    ['no JSON', () => 'status=valid', 400, 'malformed'],
    ['an array', (jws) => [jws], 400, 'malformed'],
  ])('%s', async (_, change, status, type) => {
    const changed = change(await good())
    const body = typeof changed === 'string' ? changed : JSON.stringify(changed)
    const answer = await send(host, { method: 'POST', url: String(session.kid), body })
    expect(answer).toMatchObject({ status, body: { type: urn(type) } })
    expect(answer.headers['replay-nonce']).toMatch(NONCE)
  })

  it('the key of somebody else', async () => {
    const jws = signJws(await session.parts(String(session.kid)), other)
    const answer = await session.postJws(String(session.kid), jws)
    expect(answer).toMatchObject({ status: 401, body: { type: urn('unauthorized') } })
  })

  it('a query that was not signed', async () => {
    const answer = await session.postJws(`${session.kid}?a=b`, await good())
    expect(answer).toMatchObject({ status: 401, body: { type: urn('unauthorized') } })
  })

  it('another content type', async () => {
    const body = JSON.stringify(await good())
    const url = String(session.kid)
    const answer = await send(host, { method: 'POST', url, body, type: 'application/json' })
    expect(answer).toMatchObject({ status: 415, body: { type: urn('malformed') } })
  })

  it('a nonce that was used; the fresh one is good, and which algorithms are is said', async () => {
    const parts = await session.parts(String(session.kid))
    const jws = signJws(parts, session.key)
    expect((await session.postJws(String(session.kid), jws)).status).toBe(200)
    const again = await session.postJws(String(session.kid), jws)
    expect(again).toMatchObject({ status: 400, body: { type: urn('badNonce') } })
    const fresh = header({ nonce: again.headers['replay-nonce'] })(parts)
    const answer = await session.postJws(String(session.kid), signJws(fresh, session.key))
    expect(answer.status).toBe(200)
    const wrong = await session.post(String(session.kid), undefined, header({ alg: 'HS256' }))
    expect(wrong.body.algorithms).toEqual(['ES256', 'ES384', 'RS256'])
  })

  it('the same signed request twice at once: one is answered', async () => {
    const jws = signJws(await session.parts(String(session.kid)), session.key)
    const sent = Array.from({ length: 8 }, () => session.postJws(String(session.kid), jws))
    const statuses = (await Promise.all(sent)).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  })

  it('and is on record', () => {
    const refused = host.events.filter(({ action }) => action === 'acme.refuse')
    const codes = new Set(refused.map(({ event }) => event.code))
    expect(codes).toEqual(
      new Set(['malformed', 'badSignatureAlgorithm', 'unauthorized', 'accountDoesNotExist']),
    )
    expect(refused[0]).toMatchObject({ status: 'refused', client: { ip: '127.0.0.1' } })
  })
})

describe('keys that are good for an account', () => {
  it.each([
    ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['P-384', generateKeyPairSync('ec', { namedCurve: 'P-384' })],
    ['RSA 2048', generateKeyPairSync('rsa', { modulusLength: 2_048 })],
  ])('%s', async (_, { privateKey }) => {
    expect((await new AcmeSession(host, privateKey).register()).status).toBe(201)
  })

  /** D04. */
  it.each([
    ['RSA 1024', generateKeyPairSync('rsa', { modulusLength: 1_024 })],
    [
      'RSA with exponent 3',
      generateKeyPairSync('rsa', { modulusLength: 2_048, publicExponent: 3 }),
    ],
    ['P-521', generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ])('but not %s', async (name, { privateKey }) => {
    const session = new AcmeSession(host, privateKey)
    const alg = name.startsWith('RSA') ? 'RS256' : 'ES256'
    const answer = await session.post('new-account', {}, header({ alg }))
    expect(answer).toMatchObject({ status: 400, body: { type: urn('badPublicKey') } })
  })

  it.each([
    ['a point off the curve', { x: 'A'.repeat(43) }, 'badPublicKey'],
    ['a coordinate that is too short', { x: 'AAAA' }, 'badPublicKey'],
    ['a private key', { d: 'A'.repeat(43) }, 'malformed'],
    ['a symmetric key', { kty: 'oct', k: 'AAAA' }, 'malformed'],
    ['another kind', { kty: 'OKP' }, 'badPublicKey'],
  ])('nor %s', async (_, change, type) => {
    const session = new AcmeSession(host)
    const jwk = { ...session.jwk, ...change }
    const answer = await session.post('new-account', {}, header({ jwk }))
    expect(answer).toMatchObject({ status: 400, body: { type: urn(type) } })
  })
})
