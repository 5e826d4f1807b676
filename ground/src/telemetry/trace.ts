import { randomBytes } from 'node:crypto'

/*
 * W3C Trace Context, version 00: `00-<trace id, 32 hex>-<parent id, 16 hex>-<flags, 2 hex>`.
 * Ids of zeros are invalid; whatever does not fit starts a new trace.
 */
export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly sampled: boolean
}
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$/

/** Goes on with the trace of a `traceparent` header, in a new span; starts a trace where there is none. */
export function continueTrace(traceparent: string | undefined): TraceContext {
  const [, traceId, parentId, flags] =
    traceparent === undefined ? [] : (TRACEPARENT.exec(traceparent) ?? [])
  const spanId = randomBytes(8).toString('hex')
  if (traceId === undefined || flags === undefined) {
    return { traceId: randomBytes(16).toString('hex'), spanId, parentId: undefined, sampled: true }
  }
  return { traceId, spanId, parentId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

/** The `traceparent` that tells the next hop of this span. */
export function traceparent(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`
}
