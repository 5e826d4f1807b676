import { until } from '@countersign/ground/testkit'
import type { Directory } from '@countersign/kong'
import { expect, test } from 'vitest'
import { CORRELATION_ID } from './correlation-id.ts'
import { RECORD_BYTES_MAX } from './delivery/limits.ts'
import { httpLog } from './http-log.ts'
import { FakeRequest, fakeRecord } from './testing/exchange.ts'
import { last, startReceiver } from './testing/receiver.ts'
import { placeOf, testTools } from './testing/tools.ts'

const CONSUMER = {
  id: 'c0000000-0000-4000-8000-000000000001',
  username: 'ada',
  custom_id: null,
  created_at: 0,
  updated_at: 0,
  tags: null,
}
const parse = (config: object) =>
  httpLog.schema.parse({ http_endpoint: 'https://logs/x', ...config })
const fault = (config: object) =>
  httpLog.schema.safeParse({ http_endpoint: 'https://logs/x', ...config }).error?.issues[0]?.message

test("has Kong's defaults, and turns old fields into the queue", () => {
  expect(parse({})).toMatchObject({
    method: 'POST',
    content_type: 'application/json',
    timeout: 10_000,
    keepalive: 60_000,
    headers: null,
    custom_fields_by_lua: null,
    queue: { max_batch_size: 1, max_coalescing_delay: 1, max_entries: 10_000 },
  })
  expect(parse({ queue_size: 5, flush_timeout: 2, retry_count: 3 }).queue).toMatchObject({
    max_batch_size: 5,
    max_coalescing_delay: 2,
  })
})

test("says what is wrong in Kong's words", () => {
  expect(fault({ headers: { Host: 'a' } })).toBe("cannot contain 'Host' header")
  expect(fault({ http_endpoint: 'ftp://x' })).toBe('missing host in url')
  expect(fault({ http_endpoint: 'https://%zz:b@logs' })).toContain('percent-encoded')
  expect(fault({ http_endpoint: 'https://a:b@logs', headers: { authorization: 'x' } })).toContain(
    "'Authorization' header and user info",
  )
  expect(fault({ custom_fields_by_lua: { a: 'return 1' } })).toBe('no code is run here')
})

test("sends a record in Kong's form, without a secret in it", async () => {
  await using receiver = await startReceiver([503])
  const key = 'the-key-of-ada'
  const directory = { keyAuth: (given: string) => (given === key ? {} : undefined) }
  const tools = testTools({ directory: directory as unknown as Directory })
  const instance = httpLog.create(
    parse({
      http_endpoint: receiver.url.replace('//', '//user:pass@'),
      headers: { 'x-source': 'gateway' },
      queue: { initial_retry_delay: 0.001 },
    }),
    placeOf(tools),
  )
  const asked = new FakeRequest({
    query: `q=books&apikey=s3cret&x=${key}`,
    consumer: CONSUMER,
    credentialId: 'credential-1',
    startedAt: 1_793_700_000_000,
    headers: [
      ...['Authorization', 'Bearer aaa.bbb.ccc', 'Cookie', 'sid=1', 'X-Partner', key],
      ...['Accept', 'a', 'accept', 'b', 'X-Odd', '\x1b[31m\u2028'],
      ...['x-forwarded-access', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'],
    ],
  })
  asked.notes.set(CORRELATION_ID, 'order-42')
  instance.log?.(
    fakeRecord(asked, { answerHeaders: ['Set-Cookie', 'sid=2', 'Content-Type', 'text/plain'] }),
  )
  await until(() => receiver.received.length === 2, 'the records are there') // the first was not taken
  const { method, headers, body } = last(receiver)
  expect([method, headers['x-source'], headers['content-type']]).toEqual([
    'POST',
    'gateway',
    'application/json',
  ])
  expect(headers.authorization).toBe(`Basic ${btoa('user:pass')}`)
  for (const secret of ['aaa.bbb', 'sid=', 's3cret', key, 'eyJ', '\x1b'])
    expect(body).not.toContain(secret)
  const record = JSON.parse(body)
  expect(record).toMatchObject({
    request: {
      id: asked.requestId,
      method: 'GET',
      uri: '/orders?q=books&apikey=REDACTED&x=REDACTED',
      url: 'https://localhost/orders?q=books&apikey=REDACTED&x=REDACTED',
      querystring: { q: 'books', apikey: 'REDACTED' },
      headers: { authorization: 'REDACTED', cookie: 'REDACTED', accept: ['a', 'b'] },
    },
    upstream_status: '200',
    response: { status: 200, size: 42, headers: { 'set-cookie': 'REDACTED' } },
    latencies: { kong: 3, proxy: 9, request: 12 },
    tries: [{ ip: '127.0.0.1', port: 3000, code: 200 }],
    client_ip: '192.0.2.7',
    started_at: 1_793_700_000_000,
    source: 'upstream',
    correlation_id: 'order-42',
    route: { name: 'orders' },
    service: { name: 'order-service', port: 3000 },
    consumer: { username: 'ada' },
    authenticated_entity: { id: 'credential-1' },
  })
  await instance.close?.()
})

test('a batch is a list; what is waiting leaves when the configuration changes', async () => {
  await using receiver = await startReceiver()
  const instance = httpLog.create(
    parse({ http_endpoint: receiver.url, method: 'PUT', queue: { max_batch_size: 100 } }),
    placeOf(testTools()),
  )
  for (let i = 0; i < 3; i++) instance.log?.(fakeRecord(new FakeRequest()))
  await instance.close?.()
  expect(receiver.received.map(({ method }) => method)).toEqual(['PUT'])
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toHaveLength(3)
})

test('a request cannot get out of the log by being large', async () => {
  await using receiver = await startReceiver()
  const instance = httpLog.create(parse({ http_endpoint: receiver.url }), placeOf(testTools()))
  const headers = Array.from({ length: 200 }, (_, i) =>
    i % 2 === 0 ? `x-${i}` : '\x01'.repeat(1_000),
  )
  instance.log?.(fakeRecord(new FakeRequest({ headers, query: `a=${'%00'.repeat(3_000)}` })))
  await until(() => receiver.received.length === 1, 'the records are there')
  const record = JSON.parse(receiver.received[0]?.body ?? '')
  expect(record).toMatchObject({ truncated: true, client_ip: '192.0.2.7' })
  expect(receiver.received[0]?.body.length).toBeLessThan(RECORD_BYTES_MAX)
  await instance.close?.()
})
