import { beforeEach, expect, test } from 'vitest'
import { keyAuth } from './key-auth.ts'
import { TestDirectory } from './testing/directory.ts'
import { FakeRequest, type Given } from './testing/exchange.ts'
import { access, instanceOf } from './testing/run.ts'
import { testTools } from './testing/tools.ts'

let directory = new TestDirectory()
let tools = testTools({ directory })
beforeEach(() => {
  directory = new TestDirectory()
  tools = testTools({ directory })
  const alice = directory.add('alice')
  directory.addKey(alice, 'secret-key')
})

async function ask(given: Given, config: Record<string, unknown> = {}) {
  const asked = new FakeRequest(given)
  const refusal = await access(instanceOf(keyAuth, config, tools), asked)
  return { asked, refusal, text: refusal && [refusal.status, refusal.facts.message] }
}
const header = (key: string) => ({ headers: ['ApiKey', key] })
const form = (body: string) => ({
  ...{ method: 'POST', body, headers: ['Content-Type', 'application/x-www-form-urlencoded'] },
})
const json = (body: string) => ({
  ...{ method: 'POST', body, headers: ['content-type', 'application/json; charset=utf-8'] },
})

test('defaults are those of Kong', () => {
  expect(keyAuth.schema.parse({})).toEqual({
    ...{ key_names: ['apikey'], hide_credentials: false, anonymous: null, realm: null },
    ...{ key_in_header: true, key_in_query: true, key_in_body: false, run_on_preflight: true },
  })
})

test.each([
  ['in a header', header('secret-key'), {}],
  ['in the query', { query: 'a=1&apikey=secret%2Dkey' }, {}],
  ['in a form', form('a=1&apikey=secret-key'), { key_in_body: true }],
  ['in JSON', json('{"apikey":"secret-key"}'), { key_in_body: true }],
  ['under another name', { headers: ['X-Key', 'secret-key'] }, { key_names: ['apikey', 'x-key'] }],
])('a key %s', async (_, given, config) => {
  const { asked, refusal } = await ask(given, config)
  expect(refusal).toBeUndefined()
  expect(asked.consumer?.username).toBe('alice')
  expect(asked.credentialId).toMatch(/^key-/)
})

const missing = [401, 'No API key found in request']
const wrong = [401, 'Unauthorized']
const twice = [401, 'Duplicate API key found']
test.each([
  ['none', {}, {}, missing],
  ['an empty one', header(''), {}, missing],
  ['in a header that is not looked at', header('secret-key'), { key_in_header: false }, missing],
  [
    'in a query that is not looked at',
    { query: 'apikey=secret-key' },
    { key_in_query: false },
    missing,
  ],
  ['in a body that is not looked at', form('apikey=secret-key'), {}, missing],
  ['not a text in JSON', json('{"apikey":["secret-key"]}'), { key_in_body: true }, missing],
  ['no JSON', json('{"apikey"'), { key_in_body: true }, missing],
  ['unknown', header('other-key'), {}, wrong],
  ['a part of a key', header('secret-ke'), {}, wrong],
  ['__proto__', header('__proto__'), {}, wrong],
  ['two headers', { headers: ['apikey', 'secret-key', 'APIKEY', 'x'] }, {}, twice],
  ['twice in the query', { query: 'apikey=secret-key&%61pikey=x' }, {}, twice],
])('%s is refused', async (_, given, config, text) => {
  const { refusal, text: said } = await ask(given, config)
  expect(said).toEqual(text)
  expect(refusal?.facts.headers).toEqual({ 'www-authenticate': 'Key' })
})

test('the realm is quoted', async () => {
  const { refusal } = await ask({}, { realm: 'a "b"' })
  expect(refusal?.facts.headers).toEqual({ 'www-authenticate': 'Key realm="a \\"b\\""' })
})

test('a service does not see the key where it is hidden, wherever it stood', async () => {
  const config = { hide_credentials: true, key_in_body: true }
  const given = {
    ...form('a=%31&apikey=x&b=2'),
    query: 'q=%20&apikey=y&z',
    headers: [
      'Content-Type',
      'application/x-www-form-urlencoded',
      'apikey',
      'secret-key',
      'A',
      '1',
    ],
  }
  const { asked } = await ask(given, config)
  expect(asked.upstream.headers.get('apikey')).toBeUndefined()
  expect(asked.upstream.headers.get('a')).toBe('1')
  expect(asked.upstream.query).toBe('q=%20&z')
  expect(asked.upstream.body?.toString()).toBe('a=%31&b=2')
  const { asked: other } = await ask(json('{"a":1,"apikey":"secret-key","__proto__":2}'), config)
  expect(other.upstream.body?.toString()).toBe('{"a":1,"__proto__":2}')
})

test('a body that is too long to look into is refused', async () => {
  const { refusal } = await ask(form('x'.repeat(1_048_577)), { key_in_body: true })
  expect(refusal?.status).toBe(413)
})

test('failures of one address are budgeted; those of others are not touched', async () => {
  const instance = instanceOf(keyAuth, {}, tools)
  const from = (address: string, key: string) =>
    access(instance, new FakeRequest({ ...header(key), client: { address } }))
  for (let i = 0; i < 100; i++) expect((await from('192.0.2.1', `guess-${i}`))?.status).toBe(401)
  expect((await from('192.0.2.1', 'secret-key'))?.status).toBe(429)
  expect(await from('192.0.2.2', 'secret-key')).toBeUndefined()
  tools.nowMs += 1000
  expect(await from('192.0.2.1', 'secret-key')).toBeUndefined()
})

test('anonymous: who has no key, or a wrong one, passes as that consumer; who is proven is not asked', async () => {
  directory.add('guest')
  const config = { anonymous: 'guest' }
  for (const given of [{}, header('other-key')]) {
    const { asked } = await ask(given, config)
    expect([asked.consumer?.username, asked.anonymous]).toEqual(['guest', true])
  }
  const proven = new FakeRequest()
  proven.authenticated({ groups: ['workload'] })
  expect(await access(instanceOf(keyAuth, config, tools), proven)).toBeUndefined()
  expect(proven.consumer).toBeUndefined()
})

test('an anonymous consumer that does not exist lets nobody pass', async () => {
  expect((await ask({}, { anonymous: 'nobody' })).refusal?.status).toBe(500)
})

test('run_on_preflight: only preflight requests pass without a key', async () => {
  const config = { run_on_preflight: false }
  const preflight = {
    ...{ method: 'OPTIONS' },
    headers: ['Origin', 'https://a.test', 'Access-Control-Request-Method', 'PUT'],
  }
  expect((await ask(preflight, config)).refusal).toBeUndefined()
  expect((await ask(preflight)).refusal?.status).toBe(401)
  expect((await ask({ method: 'OPTIONS' }, config)).refusal?.status).toBe(401)
})
