import {
  type CallOptions,
  type Client,
  type Contract,
  describe,
  type Endpoint,
  type EndpointDescriptor,
} from '@countersign/contract'
import type { Witness } from '@countersign/contract/platform'
import { traceparent, type TraceContext } from '@countersign/ground/telemetry'
import { isIdempotentMethod } from '@countersign/layers'
import { CallError } from './call-error.ts'
import type { Connections, Received } from './connections.ts'

type AnyContract = Contract<string, Record<string, Endpoint<any, any, any, any, any, any>>>

/** For whom a call is made: what goes along with it, and where the proof of the other side is noted. */
export interface Behalf {
  readonly token?: string | undefined
  readonly requestId?: string
  readonly trace?: TraceContext
  readonly seen?: (proof: Witness) => void
}
/** Makes clients that call on behalf of a request. */
export interface OnBehalf<Name extends string = string> {
  callFor<C extends AnyContract>(contract: C, behalf: Behalf): Client<C, Name>
}

interface Input {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly body?: unknown
}
interface Prepared {
  readonly service: string
  readonly endpoint: EndpointDescriptor
  readonly declared: Endpoint
  readonly path: (params: Readonly<Record<string, string>>) => string
}
type ClientClass = new (behalf: Behalf, connections: Connections) => Client<AnyContract, string>

const classes = new WeakMap<AnyContract, ClientClass>()

/** A typed client of a contract. Its methods are worked out once a contract, not once a request. */
export function clientOf<C extends AnyContract, Name extends string>(
  contract: C,
  behalf: Behalf,
  connections: Connections,
): Client<C, Name> {
  let made = classes.get(contract)
  if (made === undefined) {
    made = clientClass(contract)
    classes.set(contract, made)
  }
  return new made(behalf, connections) as Client<C, Name>
}

function clientClass(contract: AnyContract): ClientClass {
  class Bound {
    readonly behalf: Behalf
    readonly connections: Connections
    constructor(behalf: Behalf, connections: Connections) {
      this.behalf = behalf
      this.connections = connections
    }
  }
  for (const endpoint of describe(contract).endpoints) {
    const declared = contract.endpoints[endpoint.name]
    if (declared === undefined || endpoint.kind === 'mount') continue
    const prepared: Prepared = {
      service: contract.name,
      endpoint,
      declared,
      path: pathOf(endpoint.path),
    }
    Object.defineProperty(Bound.prototype, endpoint.name, {
      value(this: Bound, input?: Input, options?: CallOptions) {
        return send(prepared, input ?? {}, options ?? {}, this)
      },
    })
  }
  return Bound as unknown as ClientClass
}

async function send(
  { service, endpoint, declared, path }: Prepared,
  input: Input,
  options: CallOptions,
  bound: { behalf: Behalf; connections: Connections },
): Promise<unknown> {
  const { behalf, connections } = bound
  const body = input.body === undefined ? undefined : JSON.stringify(input.body)
  const received = await connections.send(service, {
    method: endpoint.method,
    path: path(input.params ?? {}) + queryOf(input.query),
    headers: headersOf(behalf, options, body !== undefined),
    body,
    timeoutMs: Math.min(options.timeoutMs ?? endpoint.timeoutMs, endpoint.timeoutMs),
    signal: options.signal,
    repeatable:
      endpoint.idempotent &&
      (isIdempotentMethod(endpoint.method) || options.idempotencyKey !== undefined),
  })
  behalf.seen?.({ hop: `${service}.${endpoint.name}`, status: received.status, ...received.proof })
  if (endpoint.kind === 'raw')
    return {
      status: received.status,
      headers: headersToObject(received.headers),
      body: received.body,
    }
  if (received.status !== endpoint.status)
    throw CallError.from(`${service}.${endpoint.name}`, received)
  return readReply(`${service}.${endpoint.name}`, declared, received)
}

function readReply(action: string, declared: Endpoint, received: Received): unknown {
  if (declared.reply === undefined) return undefined
  const read = declared.reply.safeParse(parseJson(received.body))
  if (read.success) return read.data
  throw new CallError('REPLY_INVALID', `${action} answered what its contract does not declare`, {
    status: received.status,
  })
}

/** `undefined` for what is no JSON: no JSON means that, and a schema says what is wrong with it. */
function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** Flat, as they go on the wire: name, value, name, value. */
function headersOf(behalf: Behalf, options: CallOptions, hasBody: boolean): string[] {
  const headers: string[] = []
  if (hasBody) headers.push('content-type', 'application/json')
  if (behalf.token !== undefined) headers.push('authorization', `Bearer ${behalf.token}`)
  if (behalf.requestId !== undefined) headers.push('x-request-id', behalf.requestId)
  if (behalf.trace !== undefined) headers.push('traceparent', traceparent(behalf.trace))
  if (options.idempotencyKey !== undefined) headers.push('idempotency-key', options.idempotencyKey)
  if (options.headers !== undefined)
    for (const [name, value] of Object.entries(options.headers)) headers.push(name, value)
  return headers
}

function pathOf(pattern: string): Prepared['path'] {
  if (!pattern.includes('/:')) return () => pattern
  const parts = pattern
    .split('/')
    .map((segment) => (segment.startsWith(':') ? { param: segment.slice(1) } : segment))
  return (params) =>
    parts
      .map((part) => {
        if (typeof part === 'string') return part
        const value = params[part.param]
        if (value === undefined || value === '')
          throw new TypeError(`the parameter "${part.param}" of ${pattern} is missing`)
        return encodeURIComponent(value)
      })
      .join('/')
}

function queryOf(query: Input['query']): string {
  if (query === undefined) return ''
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined)
  return pairs.length === 0
    ? ''
    : `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)] as [string, string]))}`
}

/** Names in lower case; of several values of a name the last. */
function headersToObject(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = Object.create(null)
  for (let i = 0; i + 1 < raw.length; i += 2) {
    headers[raw[i]?.toLowerCase() ?? ''] = raw[i + 1] ?? ''
  }
  return headers
}
