import type { IdGenerator } from '@opentelemetry/sdk-trace-base'
import type { TraceContext } from './trace.ts'

/** A piece of work that is done, as OpenTelemetry counts it. */
export interface EndedSpan {
  readonly name: string
  readonly trace: TraceContext
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly durationMs: number
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly failed: boolean
}
/** Where spans go. Never throws and never waits: what cannot be sent is dropped. */
export interface Spans {
  end(span: EndedSpan): void
  close(): Promise<void>
}

/**
 * Sends spans by OTLP over HTTP to `endpoint` (`OTEL_EXPORTER_OTLP_ENDPOINT`), in batches. The SDK is loaded only
 * when there is somewhere to send to. Source: OTLP specification 1.5, `/v1/traces`.
 */
export async function createSpans(options: {
  endpoint: string
  service: string
  instance: string
}): Promise<Spans> {
  const [
    { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace },
    sdk,
    { OTLPTraceExporter },
    { resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ])
  const ids = new GivenIds()
  const exporter = new OTLPTraceExporter({
    url: `${options.endpoint.replace(/\/$/, '')}/v1/traces`,
  })
  const provider = new sdk.BasicTracerProvider({
    idGenerator: ids,
    resource: resourceFromAttributes({
      'service.name': options.service,
      'service.instance.id': options.instance,
    }),
    spanProcessors: [
      new sdk.BatchSpanProcessor(exporter, { maxQueueSize: 4_096, scheduledDelayMillis: 1_000 }),
    ],
  })
  const tracer = provider.getTracer('countersign')
  return {
    end: ({ name, trace: at, startedAt, durationMs, attributes, failed }) => {
      if (!at.sampled) return
      ids.next = at
      const parent =
        at.parentId === undefined
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, {
              traceId: at.traceId,
              spanId: at.parentId,
              traceFlags: 1,
              isRemote: true,
            })
      const span = tracer.startSpan(
        name,
        { kind: SpanKind.SERVER, startTime: startedAt, attributes: { ...attributes } },
        parent,
      )
      if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end(startedAt + durationMs)
    },
    close: () => provider.shutdown().catch(() => undefined),
  }
}

/** The ids were chosen when the request came in and have gone on to the next hop; a span takes them over. */
class GivenIds implements IdGenerator {
  next: TraceContext | undefined
  generateTraceId(): string {
    return this.next?.traceId ?? ''
  }
  generateSpanId(): string {
    return this.next?.spanId ?? ''
  }
}
