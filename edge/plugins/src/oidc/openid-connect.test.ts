import { Refusal } from '@countersign/layers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FakeRequest } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { testTools } from '../testing/tools.ts'
import { openidConnect } from './openid-connect.ts'
import { bearer, OidcHouse, StaticIssuer } from './static-issuer.fixture.ts'

let issuer: StaticIssuer
let house: OidcHouse
beforeAll(async () => {
  issuer = await StaticIssuer.start()
})
afterAll(() => issuer[Symbol.asyncDispose]())
beforeEach(() => {
  house = new OidcHouse(issuer)
})
describe('what the operator asks for', () => {
  test.each<[string, Record<string, unknown>, Record<string, unknown>, number | undefined]>([
    ['one scope of two', { scopes_required: ['read', 'admin'] }, {}, undefined],
    ['two scopes together', { scopes_required: ['read admin'] }, {}, 403],
    ['both of them are there', { scopes_required: ['write read'] }, {}, undefined],
    ['a role', { roles_required: ['admin'] }, { roles: ['admin'] }, undefined],
    ['a role that is missing', { roles_required: ['admin'] }, { roles: ['administrator'] }, 403],
    [
      'a role deep inside',
      { roles_claim: ['realm_access', 'roles'], roles_required: ['admin'] },
      { realm_access: { roles: ['admin'] } },
      undefined,
    ],
    [
      'a role that is inherited',
      { roles_claim: ['constructor', 'name'], roles_required: ['Object'] },
      {},
      403,
    ],
    ['a group', { groups_required: ['staff'] }, { groups: 'staff' }, undefined],
    ['a claim that must not be there', { claims_forbidden: ['act'] }, { act: {} }, 403],
    ['a consumer', { consumer_claim: ['sub'] }, {}, undefined],
    ['a consumer that does not exist', { consumer_claim: ['sub'] }, { sub: 'nobody' }, 403],
    [
      'the same, where it may be missing',
      { consumer_claim: ['sub'], consumer_optional: true },
      { sub: 'nobody' },
      undefined,
    ],
  ])('%s', async (_, config, changes, status) => {
    house.directory.add('anna')
    const result = await house.ask(bearer(house.token(changes)), config)
    expect(result.status).toBe(status)
    expect(result.refusal?.facts.message).toBe(status && 'Forbidden')
    const isConsumer = 'consumer_claim' in config && changes.sub === undefined
    expect(result.asked.consumer?.username).toBe(isConsumer ? 'anna' : undefined)
  })

  test('without audience_required a token has to be for the client', async () => {
    const config = { audience_required: null, client_id: ['shop'] }
    expect(
      (await house.ask(bearer(house.token({ aud: ['x', 'shop'] })), config)).status,
    ).toBeUndefined()
    expect((await house.ask(bearer(house.token()), config)).status).toBe(401)
  })

  test('groups for acl', async () => {
    const config = { authenticated_groups_claim: ['groups'] }
    const { asked } = await house.ask(bearer(house.token({ groups: ['a', 'b'] })), config)
    expect(asked.groups).toEqual(['a', 'b'])
  })

  test('anonymous: without a good token, but not where tokens cannot be checked', async () => {
    house.directory.add('guest')
    const config = { anonymous: 'guest' }
    for (const given of [{}, bearer(house.token({ aud: 'x' }))])
      expect((await house.ask(given, config)).asked.consumer?.username).toBe('guest')
    const fresh = new OidcHouse(issuer)
    issuer.isAway = true
    expect((await fresh.ask(bearer(fresh.token()), config)).status).toBe(503)
  })
})

test('tokens of our own provider are checked by the platform, and of a person', async () => {
  const person = { id: 'u1', name: 'alice', roles: ['admin'], clientId: 'desk', tokenId: 't1' }
  let good = true
  const tools = testTools({
    fetch: () => Promise.reject(new Error('nothing needs to be fetched')),
    verifyToken: () => {
      if (!good) throw new Refusal('TOKEN_INVALID', { rule: 'token: it was taken back' })
      return { person, expiresAt: 0, boundTo: undefined, scopes: [] }
    },
  })
  const config = { issuer: tools.issuer, audience_required: ['orders'], scopes_required: ['read'] }
  const instance = instanceOf(openidConnect, config, tools)
  const token = house.token()
  const asked = new FakeRequest(bearer(token))
  expect(await access(instance, asked)).toBeUndefined()
  expect(asked.person).toEqual(person)
  good = false
  expect((await access(instance, new FakeRequest(bearer(token))))?.status).toBe(401)
})

test('failures of one address are budgeted; known tokens pass', async () => {
  const instance = instanceOf(openidConnect, house.config(), house.tools)
  const ask = (token: string) => access(instance, new FakeRequest(bearer(token)))
  const known = house.token()
  expect(await ask(known)).toBeUndefined()
  for (let i = 0; i < 100; i++) expect((await ask(house.token({ aud: `${i}` })))?.status).toBe(401)
  expect((await ask(house.token({ sub: 'new' })))?.status).toBe(429)
  expect(await ask(known)).toBeUndefined()
})

test('no token: 401; the realm is the issuer', async () => {
  const { refusal, status } = await house.ask({ headers: ['accept', 'text/html'] })
  expect(status).toBe(401)
  expect(refusal?.facts.headers?.['www-authenticate']).toMatch(/^Bearer realm="localhost:\d+"$/)
})

test('cookies are of this host alone where their path allows it; what is stored is accepted again', () => {
  const names = (changes: Record<string, unknown>) => {
    const given = { issuer: 'https://issuer.test', audience_required: ['a'], ...changes }
    const config = openidConnect.schema.parse(given)
    expect(openidConnect.schema.parse(config)).toEqual(config)
    return [config.session_cookie_name, config.authorization_cookie_name]
  }
  expect(names({})).toEqual(['__Host-session', '__Host-authorization'])
  expect(names({ session_cookie_path: '/a' })).toEqual(['session', 'authorization'])
  expect(names({ session_cookie_name: 'mine' })).toEqual(['mine', '__Host-authorization'])
})

test.each<[Record<string, unknown>, string]>([
  [{ issuer: 'http://issuer.test' }, 'an https URL is expected'],
  [{ audience_required: null }, 'audience_required or client_id is needed'],
  [{ verify_signature: false }, 'signatures are always verified'],
  [{ auth_methods: ['password'] }, 'Invalid option'],
  [{ auth_methods: ['authorization_code'] }, 'authorization_code and session need each other'],
  [{ auth_methods: ['introspection'] }, 'introspection needs a client_id'],
  [
    {
      auth_methods: ['authorization_code', 'session'],
      client_id: ['a'],
      redirect_uri: ['https://a.test/cb'],
    },
    'session needs a session_secret',
  ],
  [{ session_secret: 'short' }, 'the secret has fewer than 32 characters'],
  [{ client_id: ['a', 'b'] }, 'one is enough here'],
  [{ dpop_use_nonce: true }, 'proofs are held to their time, not to a nonce'],
  [{ proof_of_possession_mtls: 'off' }, 'a token that is bound to a certificate needs it'],
  [{ userinfo_endpoint: 'http://issuer.test/me' }, 'an https URL is expected'],
  [{ upstream_user_info_header: 'X User' }, 'bad header name'],
  [{ upstream_headers_claims: ['name'] }, 'have one entry for each other'],
  [
    {
      ...{ auth_methods: ['authorization_code', 'session'], client_id: ['a'] },
      ...{ redirect_uri: ['https://a.test/cb'], session_secret: 'x'.repeat(32) },
      ...{ session_cookie_path: '/a', session_cookie_name: '__Host-a' },
    },
    'a __Host- cookie has the path /',
  ],
  [{ extra_jwks_uris: ['https://a.test'] }, 'Unrecognized key'],
])('%j is a mistake', (changes, message) => {
  const config = { issuer: 'https://issuer.test', audience_required: ['a'], ...changes }
  const issues = openidConnect.schema.safeParse(config).error?.issues ?? []
  expect(issues.map((issue) => issue.message).join('; ')).toContain(message)
})
