import { expect, test } from 'vitest'
import { cors } from './cors.ts'
import { FakeRequest } from './testing/exchange.ts'
import { access, head, instanceOf } from './testing/run.ts'

type Config = Record<string, unknown>
/** What a page of `origin` may see. */
const allowed = (config: Config, origin: string, own: readonly string[] = []) =>
  head(instanceOf(cors, config), new FakeRequest({ headers: ['Origin', origin] }), { headers: own })
const acao = (config: Config, origin: string) =>
  allowed(config, origin).get('access-control-allow-origin')

async function preflight(config: Config, headers: readonly string[]) {
  const asked = new FakeRequest({
    method: 'OPTIONS',
    headers: ['Access-Control-Request-Method', 'PUT', ...headers],
  })
  const instance = instanceOf(cors, config)
  expect(await access(instance, asked)).toBeUndefined()
  const { answered } = asked
  const written = head(instance, asked, { headers: answered?.headers ?? [] })
  return { status: answered?.status, headers: written }
}

test('defaults are shown as Kong shows them', () => {
  expect(cors.schema.parse({})).toEqual({
    ...{ origins: null, headers: null, exposed_headers: null, max_age: null },
    methods: ['GET', 'HEAD', 'PUT', 'PATCH', 'POST', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'],
    ...{ credentials: false, private_network: false, preflight_continue: false },
    allow_origin_absent: true,
  })
})

test('without a list every origin may read, and no answer depends on it', () => {
  const headers = allowed({}, 'https://anywhere.example')
  expect(headers.get('access-control-allow-origin')).toBe('*')
  expect(headers.get('vary')).toBeUndefined()
})

test('an origin on the list may read; caches are told', () => {
  const config = { origins: ['https://app.example'], credentials: true, exposed_headers: ['X-A'] }
  const headers = allowed(config, 'https://app.example', ['vary', 'Accept'])
  expect(headers.get('access-control-allow-origin')).toBe('https://app.example')
  expect(headers.get('access-control-allow-credentials')).toBe('true')
  expect(headers.get('access-control-expose-headers')).toBe('X-A')
  expect(headers.flat.filter((_, i) => i % 2 === 1)).toEqual(
    expect.arrayContaining(['Accept', 'Origin']),
  )
})

test.each([
  ['null', 'null'],
  ['a prefix', 'https://app.exampl'],
  ['a suffix', 'https://app.example.evil.test'],
  ['a name before', 'https://evilapp.example'],
  ['another scheme', 'http://app.example'],
  ['another port', 'https://app.example:8443'],
  ['upper case', 'https://APP.example'],
  ['a path', 'https://app.example/'],
  ['user info', 'https://app.example@evil.test'],
  ['a line break in the pattern', 'https://x.sub.example\n.evil.test'],
  ['the dot is a dot', 'https://xxsub.example'],
  ['too long', `https://${'a'.repeat(600)}.sub.example`],
])('B24: %s gets no Access-Control-Allow-Origin', (_, origin) => {
  const config = { origins: ['https://app.example', 'https://[a-z]+\\.sub\\.example'] }
  expect(acao(config, origin)).toBeUndefined()
  expect(allowed(config, origin).get('vary')).toBe('Origin')
})

test('patterns match the whole of an origin, or its host where they name no scheme', () => {
  const config = { origins: ['https://[a-z]+\\.sub\\.example', '^(a|b)\\.test$', 'plain.test'] }
  expect(acao(config, 'https://x.sub.example')).toBe('https://x.sub.example')
  expect(acao(config, 'https://a.test:9000')).toBe('https://a.test:9000')
  expect(acao(config, 'https://a.test.evil')).toBeUndefined()
  expect(acao(config, 'https://plain.test')).toBe('https://plain.test')
  expect(acao(config, 'https://explain.test')).toBeUndefined()
  // What the schema takes can be made: these are patterns only with their first or last character.
  for (const entry of ['https://a\\$', '^+a'])
    expect(acao({ origins: [entry] }, 'https://a.test')).toBeUndefined()
})

test('B24: credentials with every origin allow nobody', () => {
  for (const origins of [null, ['*'], ['https://app.example', '*']]) {
    const headers = allowed({ origins, credentials: true }, 'https://app.example')
    expect(headers.get('access-control-allow-origin')).toBeUndefined()
    expect(headers.get('access-control-allow-credentials')).toBeUndefined()
  }
})

test('what a service allows by itself goes', () => {
  const own = ['access-control-allow-origin', '*', 'Access-Control-Allow-Credentials', 'true']
  const headers = allowed({ origins: ['https://app.example'] }, 'https://evil.test', own)
  expect(headers.flat).toEqual(['vary', 'Origin'])
})

test('a preflight request is answered', async () => {
  const { status, headers } = await preflight(
    { origins: ['https://app.example'], methods: ['GET', 'PUT'], max_age: 600 },
    ['Origin', 'https://app.example', 'Access-Control-Request-Headers', 'content-type, x-a'],
  )
  expect(status).toBe(200)
  expect(headers.flat).toEqual([
    ...['vary', 'Origin', 'access-control-allow-origin', 'https://app.example'],
    ...['access-control-allow-headers', 'content-type, x-a'],
    ...['access-control-allow-methods', 'GET,PUT', 'access-control-max-age', '600'],
  ])
})

test('a preflight request of another origin is told nothing', async () => {
  const config = { origins: ['https://app.example'], private_network: true }
  const { status, headers } = await preflight(config, [
    ...['Origin', 'https://evil.test', 'Access-Control-Request-Private-Network', 'true'],
  ])
  expect(status).toBe(200)
  expect(headers.flat).toEqual(['vary', 'Origin'])
})

test('preflight requests go on where the operator says so; other OPTIONS requests always', async () => {
  const delegated = await preflight({ preflight_continue: true }, ['Origin', 'https://a.test'])
  expect(delegated.status).toBeUndefined()
  expect(delegated.headers.flat).toEqual([])
  const other = new FakeRequest({ method: 'OPTIONS', headers: ['Origin', 'https://a.test'] })
  await access(instanceOf(cors), other)
  expect(other.answered).toBeUndefined()
})

test('a pattern that looks back is a mistake', () => {
  const { error } = cors.schema.safeParse({ origins: ['https://(?=x)'] })
  expect(error?.issues[0]?.message).toBe("'https://(?=x)' is not a valid regex")
})
