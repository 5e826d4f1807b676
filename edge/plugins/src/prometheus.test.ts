import { expect, test } from 'vitest'
import { prometheus } from './prometheus.ts'
import { FakeRequest, fakeRecord, type Given } from './testing/exchange.ts'
import { placeOf, type TestTools, testTools } from './testing/tools.ts'

const consumer = (username: string) => ({
  consumer: { id: username, username, custom_id: null, created_at: 0, updated_at: 0, tags: null },
})
const create = (config: object, tools: TestTools) =>
  prometheus.create(prometheus.schema.parse(config), placeOf(tools))
const ALL = { status_code_metrics: true, latency_metrics: true, bandwidth_metrics: true }

test("has Kong's flags, all off; then it tells nothing", async () => {
  expect(prometheus.schema.parse({})).toEqual({
    per_consumer: false,
    status_code_metrics: false,
    ai_metrics: false,
    latency_metrics: false,
    bandwidth_metrics: false,
    upstream_health_metrics: false,
    wasm_metrics: false,
  })
  const tools = testTools()
  create({}, tools).log?.(fakeRecord(new FakeRequest()))
  expect(await tools.metrics.text()).not.toContain('kong_')
})

test("counts in Kong's families, over changes of the configuration", async () => {
  const tools = testTools()
  const log = (status: number, source: 'service' | 'gateway') => {
    const instance = create(ALL, tools)
    instance.log?.(fakeRecord(new FakeRequest(), { status, source, requestBytes: 10 }))
    instance.close?.()
  }
  log(200, 'service')
  log(200, 'service')
  log(429, 'gateway')
  const text = await tools.metrics.text()
  const where = 'service="order-service",route="orders"'
  for (const line of [
    'kong_http_requests_total{SERVICE,workspace="default",code="200",source="service",consumer=""} 2',
    'kong_http_requests_total{SERVICE,workspace="default",code="429",source="kong",consumer=""} 1',
    'kong_bandwidth_bytes{SERVICE,workspace="default",direction="ingress",consumer=""} 30',
    'kong_bandwidth_bytes{SERVICE,workspace="default",direction="egress",consumer=""} 126',
    'kong_kong_latency_ms_bucket{SERVICE,workspace="default",le="5"} 3',
    'kong_upstream_latency_ms_count{SERVICE,workspace="default"} 3',
    'kong_request_latency_ms_sum{SERVICE,workspace="default"} 36',
  ])
    expect(text).toContain(line.replace('SERVICE', where))
})

test('tells consumers only where it is asked to', async () => {
  const tools = testTools()
  const log = (config: object, given: Given) =>
    create({ ...ALL, ...config }, tools).log?.(fakeRecord(new FakeRequest(given)))
  log({}, consumer('ada'))
  expect(await tools.metrics.text()).not.toContain('ada')
  log({ per_consumer: true }, consumer('ada'))
  expect(await tools.metrics.text()).toContain('consumer="ada"} 1')
})

test('labels are bounded, however many consumers come', async () => {
  const tools = testTools()
  const instance = create({ status_code_metrics: true, per_consumer: true }, tools)
  for (let i = 0; i < 10_050; i++)
    instance.log?.(fakeRecord(new FakeRequest(consumer(`consumer-${i}`))))
  const lines = (await tools.metrics.text()).split('\n').filter((line) => line.startsWith('kong_'))
  expect(lines).toHaveLength(10_001)
  expect(lines.at(-1)).toContain('consumer=""} 50')
})

test('tells the health of targets, as long as an entity wants it', async () => {
  const state = { upstream: 'orders', target: 'a:80', address: '192.0.2.1:80', state: 'unhealthy' }
  const tools = testTools({ targets: () => [state as never] })
  const [first, second] = [1, 2].map(() => create({ upstream_health_metrics: true }, tools))
  const text = await tools.metrics.text()
  const labels = 'upstream="orders",target="a:80",address="192.0.2.1:80"'
  expect(text).toContain(
    `kong_upstream_target_health{${labels},state="unhealthy",subsystem="http"} 1`,
  )
  expect(text).toContain(
    `kong_upstream_target_health{${labels},state="healthy",subsystem="http"} 0`,
  )
  first?.close?.()
  expect(await tools.metrics.text()).toContain('kong_upstream_target_health{')
  second?.close?.()
  expect(await tools.metrics.text()).not.toContain('kong_upstream_target_health{')
})
