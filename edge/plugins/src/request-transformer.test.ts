import type { Refusal } from '@countersign/layers'
import { expect, test } from 'vitest'
import { requestTransformer } from './request-transformer.ts'
import { FakeRequest, type Given } from './testing/exchange.ts'
import { placeOf, testTools } from './testing/tools.ts'

async function transform(config: object, given: Given = {}) {
  const instance = requestTransformer.create(
    requestTransformer.schema.parse(config),
    placeOf(testTools()),
  )
  const asked = new FakeRequest(given)
  await instance.access?.(asked)
  return asked.upstream
}
const json = (body: string): Given => ({
  method: 'POST',
  headers: ['Content-Type', 'application/json; charset=utf-8', 'Content-MD5', 'abc'],
  body,
})
const form = (body: string): Given => ({
  method: 'POST',
  headers: ['content-type', 'application/x-www-form-urlencoded'],
  body,
})
async function refusal(config: object, given: Given): Promise<Refusal> {
  return transform(config, given).then(
    () => Promise.reject(new Error('it passed')),
    (thrown: Refusal) => thrown,
  )
}

test("has Kong's defaults", () => {
  const none = { body: [], headers: [], querystring: [] }
  expect(requestTransformer.schema.parse({})).toEqual({
    http_method: null,
    remove: none,
    rename: none,
    replace: { uri: null, ...none },
    add: none,
    append: none,
  })
})

test('says what is wrong', () => {
  const fault = (config: object) =>
    requestTransformer.schema.safeParse(config).error?.issues[0]?.message
  expect(fault({ add: { headers: ['novalue'] } })).toBe('invalid value: novalue')
  expect(fault({ add: { headers: ['a b:c'] } })).toBe("'a b' is not a valid header")
  expect(fault({ rename: { headers: ['a:b c'] } })).toBe("'b c' is not a valid header")
  expect(fault({ add: { headers: ['a:b\r\nc: d'] } })).toBe('a header has no such characters')
  expect(fault({ add: { body: ['a:$(os.exit())'] } })).toContain('no code is run')
  expect(fault({ replace: { uri: '/a?b=c' } })).toContain('no ?')
  expect(fault({ http_method: 'CONNECT' })).toBeDefined()
  expect(fault({ add: { cookies: [] } })).toBeDefined()
})

test("applies rules to headers in Kong's order", async () => {
  const { headers } = await transform(
    {
      remove: { headers: ['X-Gone'] },
      rename: { headers: ['X-Old:X-New', 'X-None:X-Nothing'] },
      replace: { headers: ['x-there:new', 'x-absent:never'] },
      add: { headers: ['x-there:not', 'x-added:$(headers.x_team) in $(query_params.city)'] },
      append: { headers: ['x-list:2', 'x-late:1'] },
    },
    {
      headers: [
        'x-gone',
        '1',
        'x-old',
        'a',
        'X-Old',
        'b',
        'X-There',
        'old',
        'X-List',
        '1',
        'x-team',
        'red',
      ],
      query: 'city=K%C3%B6ln%0D%0AX-Admin:%201',
    },
  )
  expect(headers.flat).toEqual([
    ...['X-List', '1', 'x-team', 'red', 'X-New', 'a', 'X-New', 'b', 'x-there', 'new'],
    ...['x-added', 'red in K%C3%B6ln%0D%0AX-Admin: 1', 'x-list', '2', 'x-late', '1'],
  ])
})

test('applies rules to the query, and leaves the rest as it was written', async () => {
  const { query } = await transform(
    {
      remove: { querystring: ['gone'] },
      rename: { querystring: ['old:new'] },
      replace: { querystring: ['there:1&2'] },
      add: { querystring: ['there:x', 'added:$(uri_captures.id)'] },
      append: { querystring: ['kept:3'] },
    },
    { query: 'kept=%7e&gone=1&gone=2&old=a+b&there=0&there=9', captures: { id: '7' } },
  )
  expect(query).toBe('kept=%7e&new=a%20b&there=1%262&added=7&kept=3')
})

test('makes a path, of which a client chooses one segment at most', async () => {
  const config = { replace: { uri: '/v2/$(uri_captures["id"])/$(query_params.part or "all")' } }
  const captures = { id: '42' }
  expect((await transform(config, { captures })).path).toBe('/v2/42/all')
  expect((await transform(config, { captures, query: 'part=a%20b' })).path).toBe('/v2/42/a%20b')
  expect((await transform(config, { captures, query: 'part=' })).path).toBe('/v2/42/')
  for (const query of ['part=..', 'part=a/../b', 'part=%2e%2e', 'part=%5c', 'part=a%2fb'])
    expect((await refusal(config, { captures, query })).code).toBe('REQUEST_INVALID')
})

test('names of objects of JavaScript are not there', async () => {
  const odd = '[$(headers.__proto__)$(uri_captures.constructor)$(query_params.toString)]'
  expect((await transform({ add: { headers: [`x:${odd}`] } })).headers.get('x')).toBe('[]')
})

test('applies rules to the members of a JSON body', async () => {
  const { body, headers } = await transform(
    {
      remove: { body: ['admin'] },
      rename: { body: ['old:new'] },
      replace: { body: ['there:x'] },
      add: { body: ['there:y', 'added:1'] },
      append: { body: ['list:c', 'one:b', 'none:a'] },
    },
    json(
      '{"admin":true,"old":{"a":1},"there":null,"list":["a",12345678901234567890],"one":"a","__proto__":{"x":1.10}}',
    ),
  )
  expect(body?.toString()).toBe(
    '{"there":"x","list":["a",12345678901234567890,"c"],"one":["a","b"],"__proto__":{"x":1.10},"new":{"a":1},"added":"1","none":["a"]}',
  )
  expect(headers.get('content-md5')).toBeUndefined()
})

test('leaves a body that no rule touches as it came', async () => {
  const config = { remove: { body: ['admin'] } }
  expect((await transform(config, json('{ "a" : 1 }'))).body).toBeUndefined()
  expect((await transform(config, json('[{"admin":1}]'))).body).toBeUndefined()
  const xml = { method: 'POST', headers: ['content-type', 'text/xml'], body: '<admin/>' }
  expect((await transform(config, xml)).body).toBeUndefined()
  expect((await transform({ add: { body: ['a:1'] } }, json(''))).body?.toString()).toBe('{"a":"1"}')
})

test('a body that cannot be read does not get past the rules', async () => {
  const config = { remove: { body: ['admin'] } }
  expect((await refusal(config, json('{"admin":1,}'))).code).toBe('BODY_INVALID')
  expect((await refusal(config, json('['.repeat(5_000)))).code).toBe('BODY_INVALID')
  expect((await refusal(config, { ...json(''), body: Buffer.from([0x7b, 0xff]) })).code).toBe(
    'BODY_INVALID',
  )
  expect((await refusal(config, json(`"${'x'.repeat(1_048_576)}"`))).code).toBe('BODY_TOO_LARGE')
  const coded = {
    ...json('{}'),
    headers: ['content-type', 'application/json', 'content-encoding', 'gzip'],
  }
  expect((await refusal(config, coded)).code).toBe('MEDIA_TYPE')
})

test('applies rules to a form, and moves it into the query of a GET', async () => {
  const rules = { remove: { body: ['admin'] }, add: { body: ['b:2'] } }
  expect((await transform(rules, form('a=1&admin=yes'))).body?.toString()).toBe('a=1&b=2')
  const moved = await transform(
    { ...rules, http_method: 'get' },
    { ...form('a=1&admin=yes'), query: 'q=0' },
  )
  expect([moved.method, moved.query, moved.body?.length]).toEqual(['GET', 'q=0&a=1&b=2', 0])
})
