import { randomBytes } from 'node:crypto'
import type { Plugin, PluginRecord, PluginTools } from '@countersign/kong'
import { z } from 'zod'
import { cut } from './delivery/masked.ts'
import { post } from './delivery/post.ts'
import { DeliveryQueue } from './delivery/queue.ts'
import { queueFields, queueOf } from './delivery/queue-schema.ts'
import { field, headerName, nested, optional, url } from './schema.ts'

/*
 * Kong's opentelemetry: spans of requests by OTLP over HTTP, in JSON (OTLP 1.5, section "OTLP/HTTP"). The trace is the
 * gateway's own, and goes on to the service as W3C trace context: a client's trace is not believed.
 */
const w3c = z.array(z.enum(['w3c'], 'only w3c is spoken here')).max(1)
const fields = z.strictObject({
  traces_endpoint: optional(url),
  /** Deprecated spelling of traces_endpoint. */
  endpoint: url.nullish(),
  logs_endpoint: z.null('logs are not sent by OTLP here').optional().default(null),
  headers: z
    .record(
      headerName,
      z
        .string()
        .max(8_192)
        .regex(/^[\t\x20-\x7e]*$/, 'a header has no such characters'),
    )
    .nullish()
    .transform((given) => given ?? null),
  resource_attributes: z
    .record(z.string().min(1).max(256), z.string().min(1, 'required field missing').max(1_024))
    .nullish()
    .transform((given) => given ?? null),
  queue: queueFields,
  connect_timeout: field(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 2),
    1_000,
  ),
  send_timeout: field(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 2),
    5_000,
  ),
  read_timeout: field(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 2),
    5_000,
  ),
  http_response_header_for_traceid: optional(headerName),
  header_type: field(z.enum(['preserve', 'ignore', 'w3c'], 'only w3c is spoken here'), 'preserve'),
  sampling_rate: optional(z.number().min(0).max(1)),
  sampling_strategy: field(
    z.enum(['parent_drop_probability_fallback', 'parent_probability_fallback']),
    'parent_drop_probability_fallback',
  ),
  propagation: nested({
    default_format: field(z.enum(['w3c'], 'only w3c is spoken here'), 'w3c'),
    extract: optional(w3c),
    clear: optional(z.array(z.string().max(256)).max(100)),
    inject: optional(w3c),
  }),
  batch_span_count: z.int().min(1).max(1_000_000).nullish(),
  batch_flush_delay: z.number().min(0).max(3_600).nullish(),
})
const schema = fields
  .transform(
    ({ endpoint, batch_span_count, batch_flush_delay, queue, traces_endpoint, ...rest }) => ({
      ...rest,
      traces_endpoint: traces_endpoint ?? endpoint ?? null,
      queue: queueOf(queue, {
        max_batch_size: batch_span_count ?? 200,
        ...(batch_flush_delay == null ? {} : { max_coalescing_delay: batch_flush_delay }),
      }),
    }),
  )
  .superRefine(({ traces_endpoint }, context) => {
    if (traces_endpoint === null)
      context.addIssue({
        code: 'custom',
        message:
          "at least one of these fields must be non-empty: 'traces_endpoint', 'logs_endpoint'",
      })
  })
type Config = z.output<typeof schema>

export const opentelemetry: Plugin<Config> = {
  name: 'opentelemetry',
  priority: 14,
  schema,
  safer: [
    {
      field: 'header_type',
      kong: "a client's trace context is taken over, its decision on sampling as well",
      here: "the trace is the gateway's own; which are sent is decided by sampling_rate alone",
      why: 'a client could hide its requests, write into traces of others, or have all of them stored',
    },
  ],
  create: (config, { tools }) => {
    const queue = new DeliveryQueue({
      plugin: 'opentelemetry',
      settings: config.queue,
      tools,
      send: senderOf(config, tools),
    })
    const named = config.http_response_header_for_traceid
    const rate = config.sampling_rate ?? 1
    return {
      ...(named === null
        ? {}
        : { head: (answer, asked) => answer.headers.set(named, asked.traceId) }),
      log: (done) => {
        if (isSampled(done.asked.traceId, rate))
          queue.add(JSON.stringify(spansOf(done)).slice(1, -1))
      },
      close: () => queue.close(),
    }
  },
}

/** By the trace id, so that all who see this trace decide alike (as the SDK's TraceIdRatioBased does). */
const isSampled = (traceId: string, rate: number): boolean =>
  Number.parseInt(traceId.slice(-8), 16) < rate * 2 ** 32

function senderOf(
  config: Config,
  { fetch }: PluginTools,
): (batch: readonly string[]) => Promise<void> {
  const resource = {
    attributes: attributesOf({ 'service.name': 'kong', ...config.resource_attributes }),
  }
  const before = `{"resourceSpans":[{"resource":${JSON.stringify(resource)},"scopeSpans":[{"scope":{"name":"countersign"},"spans":[`
  return (batch) =>
    post(fetch, {
      url: config.traces_endpoint ?? '',
      headers: { ...config.headers, 'content-type': 'application/json' },
      body: `${before}${batch.join(',')}]}]}]}`,
      timeoutMs: config.connect_timeout + config.send_timeout + config.read_timeout,
    })
}

const SPAN_KIND = { server: 2, client: 3 } as const
const STATUS_ERROR = 2

/** The request as a whole, and the part of it in which the service was asked. */
function spansOf(done: PluginRecord): object[] {
  const { asked } = done
  const root = {
    traceId: asked.traceId,
    spanId: asked.spanId,
    name: `${asked.method} ${asked.route.name}`,
    kind: SPAN_KIND.server,
    startTimeUnixNano: nanos(asked.startedAt),
    endTimeUnixNano: nanos(asked.startedAt + done.totalMs),
    attributes: attributesOf({
      'http.request.method': asked.method,
      'http.response.status_code': done.status,
      'http.route': asked.route.name,
      'url.scheme': 'https',
      'url.path': cut(asked.path),
      'server.address': asked.host,
      'client.address': asked.client.address,
      'network.protocol.version': asked.httpVersion,
      'user_agent.original': cut(asked.header('user-agent') ?? ''),
      'kong.request.id': asked.requestId,
      'kong.service.name': asked.service?.name ?? '',
    }),
    status: done.status >= 500 ? { code: STATUS_ERROR } : {},
  }
  if (done.upstreamMs === undefined) return [root]
  const began = asked.startedAt + Math.max(done.totalMs - done.upstreamMs, 0)
  const last = done.tries.at(-1)
  const upstream = {
    traceId: asked.traceId,
    spanId: randomBytes(8).toString('hex'),
    parentSpanId: asked.spanId,
    name: 'kong.balancer',
    kind: SPAN_KIND.client,
    startTimeUnixNano: nanos(began),
    endTimeUnixNano: nanos(began + done.upstreamMs),
    attributes: attributesOf({
      'kong.balancer.tries': done.tries.length,
      'network.peer.address': last?.address ?? '',
      'http.response.status_code': last?.status ?? 0,
    }),
    status: last?.status === undefined ? { code: STATUS_ERROR } : {},
  }
  return [root, upstream]
}

const nanos = (ms: number): string => String(BigInt(Math.round(ms * 1_000)) * 1_000n)

function attributesOf(values: Readonly<Record<string, string | number>>): object[] {
  return Object.entries(values).flatMap(([key, value]) => {
    if (value === '') return []
    return [
      { key, value: typeof value === 'number' ? { intValue: value } : { stringValue: value } },
    ]
  })
}
