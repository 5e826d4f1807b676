import { expect, it } from 'vitest'
import {
  newIdLines,
  requestIdIn,
  requestIdLineIn,
  spanIdIn,
  traceIdIn,
  traceparentIn,
} from './id-lines.ts'

const FORM =
  /^x-request-id: ([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12})\r\ntraceparent: (00-([0-9a-f]{32})-([0-9a-f]{16})-01)\r\n$/

it('gives each request ids that no other has, a UUID and a trace with its digits', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const lines = newIdLines()
    const [, requestId = '', traceparent, traceId = '', spanId = ''] = FORM.exec(lines) ?? []
    expect(requestIdIn(lines)).toBe(requestId)
    expect(requestIdLineIn(lines)).toBe(`x-request-id: ${requestId}\r\n`)
    expect(traceparentIn(lines)).toBe(traceparent)
    expect(traceIdIn(lines)).toBe(traceId)
    expect(spanIdIn(lines)).toBe(spanId)
    expect(requestId.replaceAll('-', '')).toBe(traceId)
    seen.add(traceId).add(spanId)
  }
  expect(seen.size).toBe(2_000)
})
