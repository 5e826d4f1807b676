import { createServer, request, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  type Client,
  describe,
  type EndpointDescriptor,
  type RawReply,
} from '@countersign/contract'
import { type NewAuditEvent, registry as contract } from '@countersign/contract/platform'
import { CodedError } from '@countersign/ground/errors'
import { createLog, Metrics } from '@countersign/ground/telemetry'
import { Permit, Refusal, renderProblem } from '@countersign/layers'
import type { Built, Workload } from '@countersign/service'
import { part } from './part.ts'

/*
 * The registry's real part behind real HTTP, without TLS: who calls is told by the header `x-caller`, where the real
 * door reads it from a certificate. An instance tells who it is in `x-name`, where a real one would prove it.
 */
export interface TestRegistry {
  readonly port: number
  readonly built: Built
  readonly events: NewAuditEvent[]
  readonly metrics: Metrics
  close(): Promise<void>
}

export async function startRegistry(folder: string, port = 0): Promise<TestRegistry> {
  const events: NewAuditEvent[] = []
  const metrics = new Metrics()
  const workload = {
    log: createLog({ service: 'registry', node: 'registry-1', level: 'silent' }),
    metrics,
    audit: { record: (event: NewAuditEvent) => void events.push(event) },
    callAt: (_: unknown, at: { name: string; host: string; port: number }) => ({
      ready: (_input: unknown, { signal }: { signal: AbortSignal }) => askReady(at, signal),
    }),
  }
  const env = { COUNTERSIGN_STATE: folder }
  const built = await part.create(workload as unknown as Workload, env)
  const server = createServer((incoming, response) => {
    const gone = new AbortController()
    response.once('close', () => gone.abort())
    void answer(built, incoming, gone.signal).then(({ status, headers, body }) => {
      response.writeHead(status, headers).end(body)
    })
  })
  return {
    port: await listen(server, port),
    built,
    events,
    metrics,
    async close() {
      await built.drain?.()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await built.close?.()
    },
  }
}

const permits = Permit.authorizer(() => ({ allowed: true, rule: 'test' }) as never)

async function answer(
  built: Built,
  incoming: IncomingMessage,
  signal: AbortSignal,
): Promise<RawReply> {
  const url = new URL(incoming.url ?? '/', 'http://registry')
  const found = match(incoming.method ?? '', url.pathname)
  if (found === undefined) return { status: 404 }
  const { endpoint, params } = found
  const caller = String(incoming.headers['x-caller'])
  const permit = permits({ service: 'registry', endpoint, caller } as never)
  const declared = (contract.endpoints as Record<string, any>)[endpoint.name]
  try {
    const query = declared.query?.parse(Object.fromEntries(url.searchParams))
    const text = await read(incoming)
    const body = declared.body?.parse(text === '' ? undefined : JSON.parse(text))
    const handler = (built.handlers as Record<string, (input: unknown) => Promise<RawReply>>)[
      endpoint.name
    ]
    if (handler === undefined) return { status: 404 }
    return await handler({ params, query, body, permit, signal })
  } catch (error) {
    return renderProblem(error instanceof Refusal ? error : new Refusal('BODY_INVALID'), 'r1')
  }
}

const endpoints = describe(contract as never).endpoints

function match(
  method: string,
  path: string,
): { endpoint: EndpointDescriptor; params: Record<string, string> } | undefined {
  for (const endpoint of endpoints) {
    const pattern = endpoint.path.replaceAll(/:([a-z]+)/g, '(?<$1>[^/]+)')
    const groups = new RegExp(`^${pattern}$`).exec(path)
    if (endpoint.method !== method || groups === null) continue
    const params = Object.entries(groups.groups ?? {}).map(([name, value]) => [
      name,
      decodeURIComponent(value),
    ])
    return { endpoint, params: Object.fromEntries(params) }
  }
  return undefined
}

/** A client of the registry on behalf of the workload `caller`. */
export function clientAs(caller: string, port: () => number): Client<typeof contract, any> {
  const made = endpoints.map((endpoint) => [
    endpoint.name,
    (input: any, options: any) => {
      const path = endpoint.path.replaceAll(/:([a-z]+)/g, (_, name) =>
        encodeURIComponent(input.params[name]),
      )
      const query = new URLSearchParams(input?.query ?? {})
      return send({
        port: port(),
        method: endpoint.method,
        path: `${path}?${query}`,
        headers: { 'x-caller': caller },
        body: input?.body === undefined ? '' : JSON.stringify(input.body),
        signal: options?.signal,
      })
    },
  ])
  return Object.fromEntries(made)
}

function send(options: {
  port: number
  method: string
  path: string
  headers: Record<string, string>
  body: string
  signal: AbortSignal | undefined
}): Promise<RawReply> {
  const { body, signal, ...rest } = options
  return new Promise((resolve, reject) => {
    const asked = request(
      { ...rest, host: '127.0.0.1', ...(signal ? { signal } : {}) },
      (response) => {
        read(response).then(
          (text) =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers as Record<string, string>,
              body: text,
            }),
          reject,
        )
      },
    )
    asked.once('error', reject).end(body)
  })
}

async function read(stream: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of stream) text += String(part)
  return text
}

async function askReady(
  at: { name: string; port: number },
  signal: AbortSignal,
): Promise<RawReply> {
  const reply = await send({
    port: at.port,
    method: 'GET',
    path: '/readyz',
    headers: {},
    body: '',
    signal,
  })
  if (reply.headers?.['x-name'] === at.name) return reply
  throw new CodedError('UNREACHABLE', 'wrong peer', {
    cause: new CodedError('PEER_WRONG', 'wrong peer'),
  })
}

/** An instance that answers `/readyz` as its `state` says. */
export interface TestInstance {
  readonly port: number
  state: 'ready' | 'draining' | 'hung' | 'unknown path'
  name: string
  close(): Promise<void>
}

const STATUS = { ready: 200, draining: 503, 'unknown path': 404 } as const

export async function startInstance(name: string, port = 0): Promise<TestInstance> {
  const server = createServer((_, response) => {
    if (instance.state === 'hung') return
    response.writeHead(STATUS[instance.state], { 'x-name': instance.name }).end()
  })
  const instance: TestInstance = {
    port: await listen(server, port),
    state: 'ready',
    name,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return instance
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', resolve),
  )
  return (server.address() as AddressInfo).port
}
