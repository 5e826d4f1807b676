import type { JwtSecret } from '@countersign/kong'
import { beforeEach, describe, expect, test } from 'vitest'
import { FakeRequest, type Given } from '../testing/exchange.ts'
import { access, instanceOf } from '../testing/run.ts'
import { encode, signToken } from '../testing/signer.ts'
import { jwt } from './jwt.ts'
import {
  bad,
  bearer,
  ec,
  ec384,
  JwtHouse,
  pem,
  provider,
  rsa,
  weakRsa,
} from './jwt-house.fixture.ts'

let house: JwtHouse
beforeEach(() => {
  house = new JwtHouse()
})

describe('attacks (401, with Kong’s texts)', () => {
  const unsigned = (alg: string, rest = '') =>
    `${encode(JSON.stringify({ alg }))}.${encode(JSON.stringify(house.claims()))}.${rest}`
  const rs = (header: Record<string, unknown> = {}, iss = 'rs') =>
    signToken({ alg: 'RS256', ...header }, house.claims({ iss }), rsa.privateKey)
  const der = (token: string) => {
    const [header = '', payload = '', signature = ''] = token.split('.')
    const raw = Buffer.from(signature, 'base64url')
    const integer = (part: Buffer) => {
      const bytes = (part[0] ?? 0) > 127 ? Buffer.concat([Buffer.alloc(1), part]) : part
      return Buffer.concat([Buffer.from([2, bytes.length]), bytes])
    }
    const inner = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
    const sequence = Buffer.concat([Buffer.from([0x30, inner.length]), inner])
    return `${header}.${payload}.${sequence.toString('base64url')}`
  }
  const zeros = (token: string) =>
    `${token.slice(0, token.lastIndexOf('.'))}.${Buffer.alloc(64).toString('base64url')}`
  const deep = `${'[['.repeat(5_0)}${']]'.repeat(5_0)}`

  test.each<[string, () => string, string]>([
    ['A01 none', () => unsigned('none'), 'Bad token; invalid alg'],
    ['A01 nOnE with a signature', () => unsigned('nOnE', 'AAAA'), 'Bad token; invalid alg'],
    ['A01 no algorithm', () => unsigned('', 'AAAA'), 'Bad token; invalid alg'],
    ['A01 no signature', () => unsigned('ES256'), 'Bad token; invalid signature'],
    [
      'A02 the public key as a secret',
      () => signToken({ alg: 'HS256' }, house.claims({ iss: 'rs' }), pem(rsa.publicKey)),
      'Invalid algorithm',
    ],
    [
      'A02 with a line before it',
      () => signToken({ alg: 'HS256' }, house.claims({ iss: 'rs' }), `\n${pem(rsa.publicKey)}`),
      'Invalid algorithm',
    ],
    [
      'A03 another algorithm of the same key',
      () => signToken({ alg: 'PS256' }, house.claims({ iss: 'rs' }), rsa.privateKey),
      'Invalid algorithm',
    ],
    [
      'A03 the same signature under another name',
      () => signToken({ alg: 'PS256' }, house.claims({ iss: 'rs' }), rsa.privateKey, 'RS256'),
      'Invalid algorithm',
    ],
    [
      'A03 another hash than was said',
      () => signToken({ alg: 'RS256' }, house.claims({ iss: 'rs' }), rsa.privateKey, 'RS512'),
      'Invalid signature',
    ],
    [
      'A04 iss is a path',
      () => house.es({ iss: '../../etc/passwd' }),
      "No credentials found for given 'iss'",
    ],
    [
      'A04 iss is __proto__',
      () => house.es({ iss: '__proto__' }),
      "No credentials found for given 'iss'",
    ],
    ['A04 iss is a list', () => house.es({ iss: ['es'] }), "No mandatory 'iss' in claims"],
    ['A04 iss is empty', () => house.es({ iss: '' }), "Invalid 'iss' in claims"],
    ['A04 kid is no text', () => house.es({}, { kid: { a: 1 } }), 'Bad token; invalid header'],
    [
      'A04 kid is long',
      () => house.es({}, { kid: 'k'.repeat(1_000) }),
      'Bad token; invalid header',
    ],
    [
      'A05 brings its own key',
      () =>
        signToken(
          {
            alg: 'ES256',
            jwk: provider.publicKey.export({ format: 'jwk' }),
            jku: 'https://evil.test/keys',
            x5u: 'https://evil.test/c',
            x5c: ['MIIB'],
          },
          house.claims(),
          provider.privateKey,
        ),
      'Invalid signature',
    ],
    ['A06 crit', () => house.es({}, { crit: ['exp'], exp: 1 }), 'Bad token; invalid header'],
    ['A06 b64', () => house.es({}, { b64: false }), 'Bad token; invalid header'],
    [
      'A07 signed with a text of its own',
      () =>
        signToken(
          { alg: 'HS256' },
          house.claims({ iss: 'hs', secret: 'x'.repeat(32) }),
          'x'.repeat(32),
        ),
      'Invalid signature',
    ],
    ['A08 r and s are zero', () => zeros(house.es()), 'Invalid signature'],
    ['A08 DER', () => der(house.es()), 'Invalid signature'],
    ['A09 padding', () => `${house.es()}==`, 'Bad token; invalid signature'],
    [
      'A09 bits left over',
      () => house.es().replace(/\..*?\./, (part) => `${part.slice(0, -1)}`),
      'Bad token; invalid JSON',
    ],
    [
      'A10 encrypted',
      () =>
        `${encode('{"alg":"PBES2-HS256+A128KW","p2c":1000000000,"enc":"A128GCM","zip":"DEF"}')}.AAAA.AAAA.AAAA.AAAA`,
      'Bad token; invalid JSON',
    ],
    ['A11 64 KB', () => house.es({ a: 'x'.repeat(65_536) }), 'Bad token; too long'],
    [
      'A11 a name twice',
      () =>
        signToken(
          { alg: 'ES256' },
          `{"iss":"hs","iss":"es","exp":${house.seconds + 9}}`,
          ec.privateKey,
        ),
      'Bad token; invalid JSON',
    ],
    [
      'A11 __proto__',
      () =>
        signToken(
          { alg: 'ES256' },
          `{"__proto__":{"x":1},"iss":"es","exp":${house.seconds + 9}}`,
          ec.privateKey,
        ),
      'Bad token; invalid JSON',
    ],
    [
      'A11 nested deep',
      () =>
        signToken(
          { alg: 'ES256' },
          `{"a":${deep},"iss":"es","exp":${house.seconds + 9}}`,
          ec.privateKey,
        ),
      'Bad token; invalid JSON',
    ],
    [
      'A11 no object',
      () => signToken({ alg: 'ES256' }, '[1]', ec.privateKey),
      'Bad token; invalid JSON',
    ],
    ['A12 past', () => house.es({ exp: house.seconds }), 'token expired'],
    ['A12 negative', () => house.es({ exp: -1 }), 'token expired'],
    ['A12 no end', () => house.es({ exp: undefined }), 'must be a number'],
    ['A12 a text', () => house.es({ exp: String(house.seconds + 9) }), 'must be a number'],
    [
      'A12 infinite',
      () => signToken({ alg: 'ES256' }, '{"iss":"es","exp":1e999}', ec.privateKey),
      'must be a number',
    ],
    ['A12 not yet', () => house.es({ nbf: house.seconds + 61 }), 'token not valid yet'],
    [
      'A12 issued next year',
      () => house.es({ iat: house.seconds + 31_536_000 }),
      'token not valid yet',
    ],
    ['A13 another case', () => house.es({ iss: 'ES' }), "No credentials found for given 'iss'"],
    ['A13 a slash more', () => house.es({ iss: 'es/' }), "No credentials found for given 'iss'"],
    ['A15 a token of another credential', () => rs({}, 'es'), 'Invalid algorithm'],
  ])('%s', async (_, token, message) => {
    const { asked, refusal, said } = await house.ask(bearer(token()))
    expect(said).toEqual(bad(message))
    expect(refusal?.facts.headers).toEqual({ 'www-authenticate': 'Bearer error="invalid_token"' })
    expect(asked.consumer ?? asked.person).toBeUndefined()
    expect(house.keysFetched).toBe(0)
    expect(({} as { x?: unknown }).x).toBeUndefined()
    expect(JSON.stringify([refusal?.message, refusal?.facts])).not.toContain(token().slice(-20))
  })

  test('A09: any other spelling of a good token is another token', async () => {
    const token = house.es()
    const last = token.at(-1) ?? ''
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const sibling = token.slice(0, -1) + alphabet.charAt(alphabet.indexOf(last) + 1)
    const instance = instanceOf(jwt, {}, house.tools)
    expect(await access(instance, new FakeRequest(bearer(token)))).toBeUndefined()
    expect((await access(instance, new FakeRequest(bearer(sibling))))?.status).toBe(401)
  })

  test.each<
    [string, (credential: { -readonly [K in keyof JwtSecret]?: JwtSecret[K] }) => void, string]
  >([
    [
      'A02 a secret that is a public key',
      (c) => Object.assign(c, { secret: ` ${pem(rsa.publicKey)}` }),
      'HS256',
    ],
    [
      'A02 a secret that is a JWK',
      (c) => Object.assign(c, { secret: JSON.stringify(rsa.publicKey.export({ format: 'jwk' })) }),
      'HS256',
    ],
    ['a secret of 31 bytes', (c) => Object.assign(c, { secret: 's'.repeat(31) }), 'HS256'],
    ['no secret', () => {}, 'HS256'],
    [
      'A08 RSA of 1024 bits',
      (c) => Object.assign(c, { rsa_public_key: pem(weakRsa.publicKey) }),
      'RS256',
    ],
    [
      'A08 the wrong curve',
      (c) => Object.assign(c, { rsa_public_key: pem(ec384.publicKey) }),
      'ES256',
    ],
    ['no key', () => {}, 'RS256'],
    ['no PEM', (c) => Object.assign(c, { rsa_public_key: 'nonsense' }), 'RS256'],
  ])('a credential with %s verifies nothing', async (_, spoil, algorithm) => {
    const credential = { key: 'bad', algorithm, secret: null, rsa_public_key: null }
    spoil(credential)
    house.directory.addJwt(house.directory.add('bad'), credential)
    const signer =
      algorithm === 'HS256'
        ? (credential.secret ?? 'x')
        : algorithm === 'RS256'
          ? weakRsa.privateKey
          : ec384.privateKey
    const token = signToken({ alg: algorithm }, house.claims({ iss: 'bad' }), signer, algorithm)
    const { refusal, said } = await house.ask(bearer(token))
    expect(said).toEqual(bad('Invalid key/secret'))
    expect(refusal?.facts.rule).toMatch(/^jwt: the credential cannot be used: /)
  })

  test.each<[string, (token: string) => Given, Record<string, unknown>]>([
    [
      'two headers',
      (t) => ({ headers: ['Authorization', `Bearer ${t}`, 'authorization', `Bearer ${t}`] }),
      {},
    ],
    [
      'header and query',
      (t) => ({ ...bearer(t), query: `jwt=${t}` }),
      { uri_param_names: ['jwt'] },
    ],
    [
      'header and cookie',
      (t) => ({ headers: ['Authorization', `Bearer ${t}`, 'cookie', `sid=${t}`] }),
      { cookie_names: ['sid'] },
    ],
    ['twice in the query', (t) => ({ query: `jwt=${t}&j%77t=x` }), { uri_param_names: ['jwt'] }],
  ])('A18: two tokens, in %s', async (_, given, config) => {
    expect((await house.ask(given(house.es()), config)).said).toEqual(
      bad('Multiple tokens provided'),
    )
  })

  test.each(['Bearer a,b', 'Bearer a b', 'Bearer\ta', 'Bearer', 'Bearer "a"'])(
    'A18: %j',
    async (value) => {
      const { said } = await house.ask({ headers: ['Authorization', value] })
      expect(said).toEqual(bad('Unrecognizable token'))
    },
  )
})
