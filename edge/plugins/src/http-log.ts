import type {
  Consumer,
  Plugin,
  PluginRecord,
  PluginTools,
  RouteInfo,
  ServiceInfo,
} from '@countersign/kong'
import { z } from 'zod'
import { CORRELATION_ID } from './correlation-id.ts'
import { cut, type Masker, masker, maskedHeaders, maskedQuery } from './delivery/masked.ts'
import { RECORD_BYTES_MAX } from './delivery/limits.ts'
import { post } from './delivery/post.ts'
import { DeliveryQueue } from './delivery/queue.ts'
import { queueFields, queueOf } from './delivery/queue-schema.ts'
import { field, headerName, url } from './schema.ts'

/*
 * Kong's http-log: one record for each request, in JSON, to a receiver of the operator. Records have the form that
 * Kong's have, and no secret is in them. Lost records are counted in countersign_plugin_records_dropped_total.
 */
const TAKEN: Readonly<Record<string, string>> = {
  host: "cannot contain 'Host' header",
  'content-length': "cannot contain 'Content-Length' header",
  'content-type': "cannot contain 'Content-Type' header",
}
const headers = z
  .record(
    headerName,
    z
      .string()
      .max(8_192)
      .regex(/^[\t\x20-\x7e]*$/, 'a header has no such characters'),
  )
  .superRefine((given, context) => {
    for (const name of Object.keys(given)) {
      const message = TAKEN[name.toLowerCase()]
      if (message !== undefined) context.addIssue({ code: 'custom', message, path: [name] })
    }
  })
const fields = z.strictObject({
  http_endpoint: url,
  method: field(z.enum(['POST', 'PUT', 'PATCH']), 'POST'),
  content_type: field(
    z.enum(['application/json', 'application/json; charset=utf-8']),
    'application/json',
  ),
  timeout: field(z.number().min(1).max(600_000), 10_000),
  keepalive: field(
    z
      .number()
      .min(0)
      .max(2 ** 31 - 2),
    60_000,
  ),
  headers: headers.nullish().transform((given) => given ?? null),
  queue: queueFields,
  custom_fields_by_lua: z
    .record(z.string(), z.never('no code is run here'))
    .nullish()
    .transform(() => null),
  // Deprecated spellings.
  retry_count: z.int().nullish(),
  queue_size: z.int().min(1).max(1_000_000).nullish(),
  flush_timeout: z.number().min(0).max(3_600).nullish(),
})
const schema = fields
  .transform(({ retry_count: _unused, queue_size, flush_timeout, queue, ...rest }) => ({
    ...rest,
    queue: queueOf(queue, {
      max_batch_size: queue_size ?? 1,
      ...(flush_timeout == null ? {} : { max_coalescing_delay: flush_timeout }),
    }),
  }))
  .superRefine((config, context) => {
    const names = Object.keys(config.headers ?? {}).map((name) => name.toLowerCase())
    if (URL.parse(config.http_endpoint)?.username !== '' && names.includes('authorization'))
      context.addIssue({
        code: 'custom',
        message:
          "specifying both an 'Authorization' header and user info in 'http_endpoint' is not allowed",
      })
  })
type Config = z.output<typeof schema>

export const httpLog: Plugin<Config> = {
  name: 'http-log',
  priority: 12,
  schema,
  safer: [
    {
      field: 'http_endpoint',
      kong: 'certificates of receivers are not verified; any address is called',
      here: 'they are verified; addresses of the machine and of the cloud need leave',
      why: 'records tell who does what',
    },
    {
      field: 'headers',
      kong: 'records hold cookies and keys; Authorization alone is masked',
      here: 'cookies, keys and tokens are masked wherever they stand',
      why: 'who reads a log shall not be able to act as who is in it',
    },
    {
      field: 'custom_fields_by_lua',
      kong: 'runs code of the configuration',
      here: 'is refused',
      why: 'a configuration is no program',
    },
  ],
  create: (config, { tools }) => {
    const queue = new DeliveryQueue({
      plugin: 'http-log',
      settings: config.queue,
      tools,
      send: senderOf(config, tools),
    })
    const mask = masker(tools.directory)
    return {
      log: (done) => queue.add(written(done, mask)),
      close: () => queue.close(),
    }
  },
}

function senderOf(config: Config, tools: PluginTools): (batch: readonly string[]) => Promise<void> {
  const target = new URL(config.http_endpoint)
  const sent: Record<string, string> = { ...config.headers, 'content-type': config.content_type }
  if (target.username !== '' || target.password !== '') {
    const [user, password] = [target.username, target.password].map(decodeURIComponent)
    sent.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    target.username = ''
    target.password = ''
  }
  const single = config.queue.max_batch_size === 1
  return (batch) =>
    post(tools.fetch, {
      url: target.href,
      method: config.method,
      headers: sent,
      body: single ? (batch[0] ?? '') : `[${batch.join(',')}]`,
      timeoutMs: config.timeout,
    })
}

/** Whatever a client sends, its request leaves a record: the long parts of one that is too long are left out. */
function written(done: PluginRecord, mask: Masker): string {
  const record = recordOf(done, mask)
  const text = JSON.stringify(record)
  if (text.length <= RECORD_BYTES_MAX) return text
  const request = { ...record.request, headers: {}, querystring: {} }
  return JSON.stringify({
    ...record,
    request,
    response: { ...record.response, headers: {} },
    truncated: true,
  })
}

/** Kong's record (https://developer.konghq.com/gateway/pdk/reference/kong.log/#kong-log-serialize). */
function recordOf(done: PluginRecord, mask: Masker) {
  const { asked } = done
  const query = maskedQuery(asked.query, mask)
  const uri = query.text === '' ? cut(asked.path) : `${cut(asked.path)}?${query.text}`
  const onward = maskedQuery(asked.upstream.query, mask).text
  const correlation = asked.notes.get(CORRELATION_ID)
  return {
    request: {
      id: asked.requestId,
      method: asked.method,
      uri,
      url: `https://${asked.host}${uri}`,
      size: done.requestBytes,
      querystring: query.values,
      headers: maskedHeaders(asked.headers, mask),
      tls: { version: asked.client.tlsVersion, cipher: asked.client.tlsCipher },
    },
    upstream_uri:
      onward === '' ? cut(asked.upstream.path) : `${cut(asked.upstream.path)}?${onward}`,
    ...(done.source === 'service' ? { upstream_status: String(done.status) } : {}),
    response: {
      status: done.status,
      size: done.answerBytes,
      headers: maskedHeaders(done.answerHeaders, mask),
    },
    latencies: latenciesOf(done),
    tries: done.tries.map(triedOf),
    client_ip: asked.client.address,
    started_at: Math.round(asked.startedAt),
    source: done.source === 'service' ? 'upstream' : 'kong',
    trace_id: { w3c: asked.traceId },
    ...(typeof correlation === 'string' ? { correlation_id: correlation } : {}),
    ...whereOf(asked.route, asked.service),
    ...whoOf(asked.consumer, asked.credentialId ?? asked.person?.id),
    workspace_name: 'default',
  }
}

const latenciesOf = ({ gatewayMs, upstreamMs, totalMs }: PluginRecord): object => ({
  kong: Math.round(gatewayMs),
  proxy: upstreamMs === undefined ? -1 : Math.round(upstreamMs),
  request: Math.round(totalMs),
})

function triedOf({ address, status }: PluginRecord['tries'][number]): object {
  const at = address.lastIndexOf(':')
  const port = Number(address.slice(at + 1))
  return {
    ip: address.slice(0, at),
    port: Number.isInteger(port) ? port : 0,
    ...(status === undefined ? { state: 'failed' } : { code: status }),
  }
}
const whereOf = (route: RouteInfo, service: ServiceInfo | undefined): object => ({
  route: { id: route.id, name: route.name },
  ...(service === undefined ? {} : { service: { ...service } }),
})
const whoOf = (consumer: Consumer | undefined, entity: string | undefined): object => ({
  ...(consumer === undefined
    ? {}
    : {
        consumer: {
          id: consumer.id,
          username: consumer.username,
          custom_id: consumer.custom_id,
        },
      }),
  ...(entity === undefined ? {} : { authenticated_entity: { id: entity } }),
})
