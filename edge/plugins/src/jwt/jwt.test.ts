import { createTokenVerifier } from '@countersign/layers'
import { beforeEach, describe, expect, test } from 'vitest'
import { FakeRequest } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { encode, signToken } from '../testing/signer.ts'
import { testTools } from '../testing/tools.ts'
import { jwt } from './jwt.ts'
import {
  bad,
  bearer,
  ec,
  ec384,
  ec521,
  ed,
  JwtHouse,
  pem,
  provider,
  rsa,
  SECRET,
} from './jwt-house.fixture.ts'

let house: JwtHouse
beforeEach(() => {
  house = new JwtHouse()
})

test('defaults are those of Kong, but for tokens in addresses', () => {
  expect(jwt.schema.parse({})).toEqual({
    ...{ uri_param_names: [], cookie_names: [], header_names: ['authorization'] },
    ...{ key_claim_name: 'iss', secret_is_base64: false, claims_to_verify: null, realm: null },
    ...{ anonymous: null, run_on_preflight: true, maximum_expiration: 0 },
  })
  expect(jwt.schema.parse({ uri_param_names: ['jwt'] })).toMatchObject({ uri_param_names: ['jwt'] })
  expect(jwt.schema.safeParse({ maximum_expiration: -1 }).error?.issues[0]?.message).toBe(
    'value should be between 0 and 31536000',
  )
})

describe('a token of our own provider', () => {
  test('states a person, with an empty configuration', async () => {
    const { asked, refusal } = await house.ask(bearer(house.own()))
    expect(refusal).toBeUndefined()
    expect(asked.person).toMatchObject({ id: 'user-1', name: 'alice', roles: ['admin'] })
    expect([asked.groups, asked.credentialId]).toEqual([['admin'], 'user-1'])
  })

  test.each([
    ['A12 expired', () => house.own({ exp: house.seconds - 1 })],
    ['A12 without end', () => house.own({ exp: undefined })],
    ['A13 for another audience', () => house.own({ aud: 'others' })],
    ['A14 an ID token', () => house.own({}, { typ: 'JWT' })],
    [
      'A02 signed with what is public',
      () =>
        signToken(
          { alg: 'HS256', kid: 'k1', typ: 'at+jwt' },
          { iss: house.tools.issuer },
          pem(provider.publicKey),
        ),
    ],
    [
      'A15 with our issuer, signed by a consumer',
      () => house.es({ iss: house.tools.issuer }, { kid: 'k1', typ: 'at+jwt' }),
    ],
    ['A17 bound to a certificate', () => house.own({ cnf: { 'x5t#S256': 'x'.repeat(43) } })],
  ])('%s is refused', async (_, token) => {
    const { refusal, said } = await house.ask(bearer(token()))
    expect(said).toEqual(bad('Unauthorized'))
    expect(refusal?.facts.headers).toEqual({ 'www-authenticate': 'Bearer error="invalid_token"' })
  })

  test('A16: what its verifier takes back is refused at the next request', async () => {
    const instance = instanceOf(jwt, {}, house.tools)
    const token = house.own()
    expect(await access(instance, new FakeRequest(bearer(token)))).toBeUndefined()
    house.tools.nowMs += 301_000
    expect((await access(instance, new FakeRequest(bearer(token))))?.status).toBe(401)
  })

  test('keys that cannot be had are no reason to let pass, not even as anonymous', async () => {
    house.directory.add('guest')
    const away = createTokenVerifier({
      ...{ issuer: house.tools.issuer, audience: house.tools.audience, log: house.tools.log },
      fetchKeys: () => Promise.reject(new Error('away')),
    })
    house.tools = testTools({
      directory: house.directory,
      verifyToken: (token) => away.verify(token, undefined),
    })
    const { refusal } = await house.ask(bearer(house.own()), { anonymous: 'guest' })
    expect(refusal?.status).toBe(503)
  })
})

describe('a token of a consumer', () => {
  test.each([
    ['HS256', SECRET, SECRET],
    ['HS384', SECRET, SECRET],
    ['HS512', SECRET, SECRET],
    ['RS256', rsa.privateKey, rsa.publicKey],
    ['RS384', rsa.privateKey, rsa.publicKey],
    ['RS512', rsa.privateKey, rsa.publicKey],
    ['PS256', rsa.privateKey, rsa.publicKey],
    ['PS384', rsa.privateKey, rsa.publicKey],
    ['PS512', rsa.privateKey, rsa.publicKey],
    ['ES256', ec.privateKey, ec.publicKey],
    ['ES384', ec384.privateKey, ec384.publicKey],
    ['ES512', ec521.privateKey, ec521.publicKey],
    ['EdDSA', ed.privateKey, ed.publicKey],
  ])('%s', async (algorithm, signer, key) => {
    const how =
      typeof key === 'string'
        ? { secret: key, rsa_public_key: null }
        : { secret: null, rsa_public_key: pem(key) }
    house.directory.addJwt(house.directory.add('other'), { key: algorithm, algorithm, ...how })
    const token = signToken({ alg: algorithm }, house.claims({ iss: algorithm }), signer)
    const { asked, refusal } = await house.ask(bearer(token))
    expect(refusal).toBeUndefined()
    expect([asked.consumer?.username, asked.credentialId]).toEqual(['other', `jwt-${algorithm}`])
    const tampered = `${token.slice(0, -8)}${token.at(-8) === 'A' ? 'B' : 'A'}${token.slice(-7)}`
    expect((await house.ask(bearer(tampered))).said).toEqual(bad('Invalid signature'))
  })

  test.each([
    ['lower case', (token: string) => ({ headers: ['authorization', `bearer ${token}`] }), {}],
    [
      'another header',
      (token: string) => ({ headers: ['X-Token', `Bearer ${token}`] }),
      { header_names: ['x-token'] },
    ],
    ['the query', (token: string) => ({ query: `a=1&jwt=${token}` }), { uri_param_names: ['jwt'] }],
    [
      'a cookie',
      (token: string) => ({ headers: ['Cookie', `a=1; sid=${token}`] }),
      { cookie_names: ['sid'] },
    ],
    [
      'beside another scheme',
      (token: string) => ({ headers: ['Authorization', 'Basic x', 'X-T', `Bearer ${token}`] }),
      { header_names: ['authorization', 'x-t'] },
    ],
  ])('in %s', async (_, given, config) => {
    expect((await house.ask(given(house.es()), config)).refusal).toBeUndefined()
  })

  test('key_claim_name, secret_is_base64', async () => {
    house.directory.addJwt(house.directory.add('b64'), {
      key: 'b',
      secret: Buffer.from(SECRET).toString('base64'),
    })
    const config = { key_claim_name: 'client', secret_is_base64: true }
    const inClaims = signToken({ alg: 'HS256' }, { client: 'b', exp: house.seconds + 9 }, SECRET)
    const inHeader = signToken({ alg: 'HS256', client: 'b' }, { exp: house.seconds + 9 }, SECRET)
    for (const token of [inClaims, inHeader])
      expect((await house.ask(bearer(token), config)).refusal).toBeUndefined()
  })

  test('a verdict lasts no longer than token and credential', async () => {
    const instance = instanceOf(jwt, {}, house.tools)
    const token = house.es({ exp: house.seconds + 30 })
    const again = async () =>
      (await access(instance, new FakeRequest(bearer(token))))?.facts.message
    expect([await again(), await again()]).toEqual([undefined, undefined])
    house.tools.nowMs += 30_000
    expect(await again()).toBe('token expired')
    house.tools.nowMs -= 30_000
    expect(await again()).toBeUndefined()
    house.directory.jwtSecrets.splice(
      house.directory.jwtSecrets.findIndex(({ key }) => key === 'es'),
      1,
    )
    expect(await again()).toBe("No credentials found for given 'iss'")
    house.directory.addJwt(house.directory.add('x'), {
      key: 'es',
      algorithm: 'ES256',
      rsa_public_key: pem(provider.publicKey),
    })
    expect(await again()).toBe('Invalid signature')
  })

  test('a verdict is of the whole token', async () => {
    const instance = instanceOf(jwt, {}, house.tools)
    const token = house.es()
    expect(await access(instance, new FakeRequest(bearer(token)))).toBeUndefined()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const other = encode(JSON.stringify(house.claims({ sub: 'mallory' })))
    for (const forged of [
      `${header}.${other}.${signature}`,
      `${header}.${payload}.${'A'.repeat(86)}`,
    ])
      expect((await access(instance, new FakeRequest(bearer(forged))))?.status).toBe(401)
  })
})

test('no token: 401 that asks for one, with the realm', async () => {
  for (const given of [{}, { query: 'jwt=x' }, { headers: ['Authorization', 'Basic YTpi'] }]) {
    const { refusal, said } = await house.ask(given, { realm: 'orders' })
    expect(said).toEqual(bad('Unauthorized'))
    expect(refusal?.facts.headers).toEqual({ 'www-authenticate': 'Bearer realm="orders"' })
  }
})

test('maximum_expiration', async () => {
  const config = { maximum_expiration: 100, claims_to_verify: ['exp'] }
  const long = await house.ask(bearer(house.es({ exp: house.seconds + 101 })), config)
  expect(long.said).toEqual(bad('exceeds maximum allowed expiration'))
  expect(long.refusal?.facts.errors).toEqual([
    { field: 'exp', message: 'exceeds maximum allowed expiration' },
  ])
  expect(
    (await house.ask(bearer(house.es({ exp: house.seconds + 100 })), config)).refusal,
  ).toBeUndefined()
  expect((await house.ask(bearer(house.own()), config)).said).toEqual(
    bad('exceeds maximum allowed expiration'),
  )
})

test('failures of one address are budgeted; who had a good token there goes on', async () => {
  const instance = instanceOf(jwt, {}, house.tools)
  const from = (address: string, token: string) =>
    access(instance, new FakeRequest({ ...bearer(token), client: { address } }))
  const [mine, hers] = [house.own(), house.es()]
  expect(await from('192.0.2.1', mine)).toBeUndefined()
  expect(await from('192.0.2.1', hers)).toBeUndefined()
  for (let i = 0; i < 100; i++) await from('192.0.2.1', `${house.es({ i })}x`)
  expect((await from('192.0.2.1', house.es({ n: 1 })))?.status).toBe(429)
  expect(await from('192.0.2.1', mine)).toBeUndefined()
  expect(await from('192.0.2.1', hers)).toBeUndefined()
  expect(await from('192.0.2.2', house.es({ n: 2 }))).toBeUndefined()
})

test('anonymous: a request without a good token passes as that consumer', async () => {
  house.directory.add('guest')
  for (const given of [{}, bearer(`${house.es()}x`), bearer(house.own({ exp: 1 }))]) {
    const { asked, refusal } = await house.ask(given, { anonymous: 'guest' })
    expect(refusal).toBeUndefined()
    expect([asked.consumer?.username, asked.anonymous, asked.person]).toEqual([
      'guest',
      true,
      undefined,
    ])
  }
})
