import type { PluginAnswer } from '@countersign/kong'
import { expect, test } from 'vitest'
import { responseTransformer } from './response-transformer.ts'
import { FakeRequest, fakeAnswer } from './testing/exchange.ts'
import { placeOf, testTools } from './testing/tools.ts'

const create = (config: object) =>
  responseTransformer.create(responseTransformer.schema.parse(config), placeOf(testTools()))
const JSON_ANSWER = ['Content-Type', 'application/json; charset=utf-8', 'ETag', '"1"']

function transform(
  config: object,
  body: string,
  answer: PluginAnswer = fakeAnswer({ headers: JSON_ANSWER }),
) {
  const instance = create(config)
  const asked = new FakeRequest({ headers: ['accept-encoding', 'gzip', 'range', 'bytes=0-1'] })
  instance.access?.(asked)
  instance.head?.(answer, asked)
  const held = instance.body?.(answer, asked)
  const whole = held === undefined ? body : held.done(Buffer.from(body))?.toString()
  return { asked, answer, held, body: whole }
}

test("has Kong's defaults", () => {
  const values = { json: [], json_types: [], headers: [] }
  expect(responseTransformer.schema.parse({})).toEqual({
    remove: { json: [], headers: [] },
    rename: { json: [], headers: [] },
    replace: values,
    add: values,
    append: values,
  })
})

test('changes headers of what a service answered, and of nothing else', () => {
  const config = {
    remove: { headers: ['Server-Timing'] },
    rename: { headers: ['X-Old:X-New'] },
    replace: { headers: ['X-There:2'] },
    add: { headers: ['X-Added:a:b', 'X-There:3'] },
    append: { headers: ['X-List:2'] },
  }
  const headers = ['server-timing', 'x', 'x-old', '1', 'x-there', '1', 'x-list', '1']
  expect(transform(config, '', fakeAnswer({ headers })).answer.headers.flat).toEqual([
    'x-list',
    '1',
    'X-New',
    '1',
    'X-There',
    '2',
    'X-Added',
    'a:b',
    'X-List',
    '2',
  ])
  const ours = fakeAnswer({ status: 401, headers, source: 'gateway' })
  expect(transform(config, '', ours).answer.headers.flat).toEqual(headers)
})

test('changes members of JSON, with the types that are wanted', () => {
  const { body, answer, asked } = transform(
    {
      remove: { json: ['secret'] },
      rename: { json: ['old:new'] },
      replace: { json: ['count:2', 'none:1'], json_types: ['number', 'string'] },
      add: { json: ['on:true', 'text:5', 'bad:x'], json_types: ['boolean', 'string', 'number'] },
      append: { json: ['list:3'], json_types: ['number'] },
    },
    '{"secret":"x","old":1,"count":1,"list":[1,2],"big":9007199254740993}',
  )
  expect(body).toBe(
    '{"count":2,"list":[1,2,3],"big":9007199254740993,"new":1,"on":true,"text":"5"}',
  )
  // The validator of the old bytes is none for the new ones; and only a plain, whole answer can be changed.
  expect(answer.headers.get('etag')).toBeUndefined()
  expect(asked.upstream.headers.flat).toEqual([])
})

test('leaves alone what it cannot change', () => {
  const config = { remove: { json: ['secret'] } }
  for (const text of ['', 'no json', '[{"secret":1}]', '{"other":1}'])
    expect(transform(config, text).body).toBe(text)
  for (const answer of [
    fakeAnswer({ headers: ['content-type', 'text/html'] }),
    fakeAnswer({ headers: [...JSON_ANSWER, 'content-encoding', 'br'] }),
    fakeAnswer({ status: 206, headers: JSON_ANSWER }),
    fakeAnswer({ headers: JSON_ANSWER, source: 'plugin' }),
  ]) {
    const { held } = transform(config, '', answer)
    expect(held).toBeUndefined()
  }
  const latin1 = Buffer.from([0x7b, 0xe4, 0x7d])
  const { held } = transform(config, '{}')
  expect(held?.done(latin1)).toBe(latin1)
})

test('an answer too long to be changed is not given at all', () => {
  const { held } = transform({ remove: { json: ['secret'] } }, '{}')
  expect(held?.required).toBe(true)
  expect(held?.done(undefined)).toBeUndefined()
})

test('without rules on bodies, bodies and requests are not touched', () => {
  const { asked, held } = transform({ add: { headers: ['a:b'] } }, '{}')
  expect(held).toBeUndefined()
  expect(asked.upstream.headers.flat).toHaveLength(4)
})
