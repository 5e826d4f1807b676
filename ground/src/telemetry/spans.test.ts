import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { continueTrace, createSpans, traceparent } from './index.ts'

describe('spans', () => {
  test('arrive at a collector with the ids that went over the wire', async () => {
    const bodies: any[] = []
    const collector = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        bodies.push({ path: request.url, ...JSON.parse(Buffer.concat(chunks).toString()) })
        response.setHeader('content-type', 'application/json').end('{}')
      })
    }).listen(0, '127.0.0.1')
    await new Promise((done) => collector.once('listening', done))
    const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
    const spans = await createSpans({ endpoint, service: 'order', instance: 'order-1' })
    const gateway = continueTrace(undefined)
    const order = continueTrace(traceparent(gateway))
    spans.end({
      name: 'order.place',
      trace: order,
      startedAt: Date.now(),
      durationMs: 5,
      attributes: { 'http.response.status_code': 201 },
      failed: false,
    })
    await spans.close()
    collector.close()
    const [body] = bodies
    expect(body.path).toBe('/v1/traces')
    const [span] = body.resourceSpans[0].scopeSpans[0].spans
    expect(span).toMatchObject({
      name: 'order.place',
      traceId: gateway.traceId,
      spanId: order.spanId,
      parentSpanId: gateway.spanId,
    })
  })
})

describe('a traceparent', () => {
  test('goes on with its trace in a new span', () => {
    const trace = continueTrace('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
    expect(trace).toMatchObject({
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      parentId: '00f067aa0ba902b7',
      sampled: true,
    })
    expect(traceparent(trace)).toMatch(
      /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/,
    )
  })
  test.each([
    undefined,
    '',
    '00-00000000000000000000000000000000-00f067aa0ba902b7-01',
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01',
    '01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01',
  ])('of %s starts a new trace', (text) => {
    expect(continueTrace(text)).toMatchObject({
      parentId: undefined,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
  })
})
