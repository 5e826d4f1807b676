import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { until } from '@countersign/ground/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anOrder } from '../support/door.ts'
import { type Mode, type Platform, startPlatform } from '../support/platform.ts'

/* Where an OpenTelemetry collector is named, one order is one trace in it, from the public door to the payment. */
interface Span {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly service: string
  readonly instance: string
}
const spans: Span[] = []
let collector: Server
let endpoint = ''

beforeAll(async () => {
  collector = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.url === '/v1/traces') keep(JSON.parse(Buffer.concat(chunks).toString()))
      response.setHeader('content-type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await new Promise((done) => collector.once('listening', done))
  endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
})
afterAll(() => collector.close())

/** OTLP over HTTP, in JSON. */
function keep(sent: any): void {
  for (const { resource, scopeSpans } of sent.resourceSpans) {
    const attribute = (key: string): string =>
      resource.attributes.find((each: { key: string }) => each.key === key)?.value.stringValue
    const of = { service: attribute('service.name'), instance: attribute('service.instance.id') }
    for (const scope of scopeSpans) for (const span of scope.spans) spans.push({ ...span, ...of })
  }
}

describe.each<Mode>(['many', 'one'])('an order, in %s process', (mode) => {
  let platform: Platform
  beforeAll(async () => {
    platform = await startPlatform({ mode, env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } })
  })
  afterAll(() => platform?.stop('--wipe'))

  test('is one trace, in which each hop has the one before as its parent', async () => {
    const token = await platform.token('customer')
    const placed = await platform.ask({ path: '/orders', token, body: anOrder() })
    expect(placed.status, placed.text).toBe(201)
    const traceId = placed.requestId.replaceAll('-', '')
    const ofOrder = (): Span[] => spans.filter((span) => span.traceId === traceId)
    await until(() => ofOrder().length >= 3, 'spans of three hops', 15_000)
    const at = (service: string): Span => {
      const [only, ...others] = ofOrder().filter((span) => span.service === service)
      expect(others, service).toEqual([])
      if (only === undefined) throw new Error(`${service} has sent no span`)
      return only
    }
    const [gateway, order, payment] = [at('gateway'), at('order'), at('payment')]
    expect(gateway.parentSpanId ?? '').toBe('')
    expect(order.parentSpanId).toBe(gateway.spanId)
    expect(payment.parentSpanId).toBe(order.spanId)
    expect([gateway.name, order.name]).toEqual(['order.place', 'order.place'])
    expect(payment).toMatchObject({ name: expect.stringMatching(/^payment\./), kind: 2 })
    expect(gateway.instance).toMatch(/^gateway-[12]$/)
    // What is called lasts no longer than who calls; clocks of one machine differ by less than 50 ms.
    const slackNanos = 50_000_000n
    const [outer, inner] = [BigInt(gateway.endTimeUnixNano), BigInt(payment.endTimeUnixNano)]
    expect(inner - outer < slackNanos).toBe(true)
    expect(BigInt(payment.startTimeUnixNano) + slackNanos > BigInt(gateway.startTimeUnixNano)).toBe(
      true,
    )
  })

  test('a refusal at the door is a trace of one span', async () => {
    const refused = await platform.ask({ path: '/orders' })
    expect(refused.status).toBe(401)
    const traceId = refused.requestId.replaceAll('-', '')
    const found = (): Span[] => spans.filter((span) => span.traceId === traceId)
    await until(() => found().length > 0, 'its span', 15_000)
    expect(found().map((span) => span.service)).toEqual(['gateway'])
  })
})
