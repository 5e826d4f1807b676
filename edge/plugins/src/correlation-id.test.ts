import { expect, test } from 'vitest'
import { CORRELATION_ID, correlationId } from './correlation-id.ts'
import { FakeRequest, fakeAnswer, type Given } from './testing/exchange.ts'
import { placeOf, testTools } from './testing/tools.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function pass(config: object, given: Given = {}) {
  const instance = correlationId.create(correlationId.schema.parse(config), placeOf(testTools()))
  const asked = new FakeRequest(given)
  instance.access?.(asked)
  const answer = fakeAnswer()
  instance.head?.(answer, asked)
  return { asked, answer }
}

test("has Kong's defaults, and no other fields", () => {
  expect(correlationId.schema.parse({})).toEqual({
    header_name: 'Kong-Request-ID',
    generator: 'uuid#counter',
    echo_downstream: false,
  })
  expect(correlationId.schema.safeParse({ header: 'x' }).success).toBe(false)
  expect(correlationId.schema.safeParse({ header_name: 'a b' }).success).toBe(false)
})

test('makes an id of each kind, another for each request', () => {
  const of = (generator: string) =>
    pass({ generator }).asked.upstream.headers.get('kong-request-id') ?? ''
  expect(of('uuid')).toMatch(UUID)
  const [first, second] = [of('uuid#counter'), of('uuid#counter')]
  expect(first).toMatch(/^[0-9a-f-]{36}#[0-9]+$/)
  expect(second.split('#')[0]).toBe(first.split('#')[0])
  expect(second).not.toBe(first)
  expect(of('tracker')).toMatch(/^[0-9a-f]{12}-[0-9]+-[0-9]{10}\.[0-9]{3}$/)
})

test("goes back to the client only where asked for, in place of the service's own", () => {
  expect(pass({}).answer.headers.get('kong-request-id')).toBeUndefined()
  const { asked, answer } = pass({ echo_downstream: true })
  expect(answer.headers.get('kong-request-id')).toBe(asked.upstream.headers.get('kong-request-id'))
  expect(asked.notes.get(CORRELATION_ID)).toBe(answer.headers.get('kong-request-id'))
})

test("passes on a client's sane token, and replaces anything else", () => {
  const sent = (...values: string[]) =>
    pass(
      { generator: 'uuid' },
      { headers: values.flatMap((value) => ['Kong-Request-Id', value]) },
    ).asked.upstream.headers.get('kong-request-id')
  expect(sent('order-42#7')).toBe('order-42#7')
  for (const bad of ['', 'a b', '"quoted"', 'x'.repeat(129), '\x1b[31m', '<script>'])
    expect(sent(bad)).toMatch(UUID)
  expect(sent('a', 'b')).toMatch(UUID)
})

test("never touches the gateway's own request id", () => {
  const { asked, answer } = pass(
    { header_name: 'X-Request-ID', echo_downstream: true },
    { headers: ['x-request-id', 'mine'] },
  )
  expect(answer.headers.flat).toEqual([])
  expect(asked.upstream.headers.get('x-request-id')).toBe('mine') // which the gateway replaces
})

test('an answer that was given before has one, too', () => {
  const instance = correlationId.create(
    correlationId.schema.parse({ echo_downstream: true, generator: 'uuid' }),
    placeOf(testTools()),
  )
  const answer = fakeAnswer({ status: 401, source: 'gateway' })
  instance.head?.(answer, new FakeRequest())
  expect(answer.headers.get('kong-request-id')).toMatch(UUID)
})
