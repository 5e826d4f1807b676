import { until } from '@countersign/ground/testkit'
import { expect, test } from 'vitest'
import { opentelemetry } from './opentelemetry.ts'
import { FakeRequest, fakeAnswer, fakeRecord } from './testing/exchange.ts'
import { last, startReceiver } from './testing/receiver.ts'
import { placeOf, testTools } from './testing/tools.ts'

const ENDPOINT = 'http://collector:4318/v1/traces'
const fault = (config: object) =>
  opentelemetry.schema.safeParse(config).error?.issues.map(({ message }) => message)

test("has Kong's defaults, and turns old fields into new ones", () => {
  expect(opentelemetry.schema.parse({ traces_endpoint: ENDPOINT })).toMatchObject({
    traces_endpoint: ENDPOINT,
    logs_endpoint: null,
    headers: null,
    resource_attributes: null,
    connect_timeout: 1_000,
    send_timeout: 5_000,
    read_timeout: 5_000,
    http_response_header_for_traceid: null,
    header_type: 'preserve',
    sampling_rate: null,
    propagation: { default_format: 'w3c', extract: null, clear: null, inject: null },
    queue: { max_batch_size: 200 },
  })
  expect(
    opentelemetry.schema.parse({ endpoint: ENDPOINT, batch_span_count: 5, batch_flush_delay: 3 }),
  ).toMatchObject({
    traces_endpoint: ENDPOINT,
    queue: { max_batch_size: 5, max_coalescing_delay: 3 },
  })
})

test('says what it does not do', () => {
  expect(fault({})).toEqual([
    "at least one of these fields must be non-empty: 'traces_endpoint', 'logs_endpoint'",
  ])
  expect(fault({ traces_endpoint: ENDPOINT, header_type: 'b3' })).toEqual([
    'only w3c is spoken here',
  ])
  expect(fault({ traces_endpoint: ENDPOINT, logs_endpoint: ENDPOINT })).toEqual([
    'logs are not sent by OTLP here',
  ])
  expect(fault({ traces_endpoint: ENDPOINT, resource_attributes: { a: '' } })).toEqual([
    'required field missing',
  ])
})

test('sends the spans of a request as OTLP in JSON', async () => {
  await using receiver = await startReceiver()
  const instance = opentelemetry.create(
    opentelemetry.schema.parse({
      traces_endpoint: `${receiver.url}/v1/traces`,
      headers: { 'x-auth': 'token' },
      resource_attributes: { 'service.name': 'edge', 'deployment.environment': 'test' },
      http_response_header_for_traceid: 'X-Trace-Id',
    }),
    placeOf(testTools()),
  )
  const asked = new FakeRequest({
    startedAt: 1_793_700_000_000.25,
    path: '/orders/42',
    query: 'apikey=s3cret',
  })
  const answer = fakeAnswer()
  instance.head?.(answer, asked)
  expect(answer.headers.get('x-trace-id')).toBe(asked.traceId)
  instance.log?.(fakeRecord(asked, { status: 503 }))
  await instance.close?.()
  const { url, headers, body } = last(receiver)
  expect([url, headers['x-auth'], headers['content-type']]).toEqual([
    '/v1/traces',
    'token',
    'application/json',
  ])
  expect(body).not.toContain('s3cret')
  const [{ resource, scopeSpans }] = JSON.parse(body).resourceSpans
  expect(resource.attributes).toContainEqual({
    key: 'service.name',
    value: { stringValue: 'edge' },
  })
  const [root, upstream] = scopeSpans[0].spans
  expect(root).toMatchObject({
    traceId: asked.traceId,
    spanId: asked.spanId,
    name: 'GET orders',
    kind: 2,
    startTimeUnixNano: '1793700000000250000',
    endTimeUnixNano: '1793700000012250000',
    status: { code: 2 },
  })
  expect(root.attributes).toContainEqual({
    key: 'http.response.status_code',
    value: { intValue: 503 },
  })
  expect(upstream).toMatchObject({ parentSpanId: asked.spanId, name: 'kong.balancer', kind: 3 })
})

test('samples by the trace id, whatever the client wants', async () => {
  await using receiver = await startReceiver()
  const config = { traces_endpoint: receiver.url, queue: { max_coalescing_delay: 0 } }
  const log = (sampling_rate: number) => {
    const instance = opentelemetry.create(
      opentelemetry.schema.parse({ ...config, sampling_rate }),
      placeOf(testTools()),
    )
    const headers = ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00']
    for (let i = 0; i < 20; i++) instance.log?.(fakeRecord(new FakeRequest({ headers })))
    return instance
  }
  await log(0).close?.()
  expect(receiver.received).toEqual([])
  log(1)
  const spans = () => receiver.received.flatMap(({ body }) => body.match(/"kong.balancer"/g) ?? [])
  await until(() => spans().length === 20, 'the spans are there')
  expect(receiver.received.map(({ body }) => body).join()).not.toContain('0af7651916cd43dd')
})
