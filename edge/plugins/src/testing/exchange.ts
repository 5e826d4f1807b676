import { randomBytes, randomUUID } from 'node:crypto'
import type {
  Consumer,
  FlatHeaders,
  PluginAnswer,
  PluginRecord,
  PluginRequest,
  UpstreamDraft,
} from '@countersign/kong'
import { Refusal } from '@countersign/layers'
import type { Person } from '@countersign/policy'
import { Headers } from './headers.ts'

/** What a test says of a request; the rest is made up. */
export interface Given {
  readonly method?: string
  readonly path?: string
  readonly query?: string
  readonly host?: string
  readonly headers?: FlatHeaders
  readonly body?: Buffer | string
  /** The body comes in chunks: its length is not told. */
  readonly chunked?: boolean
  readonly client?: Partial<PluginRequest['client']>
  readonly route?: PluginRequest['route']
  readonly service?: PluginRequest['service'] | undefined
  readonly captures?: Readonly<Record<string, string>>
  readonly startedAt?: number
  readonly person?: Person
  readonly consumer?: Consumer
  readonly credentialId?: string
  readonly groups?: readonly string[]
}
export interface GivenAnswer {
  readonly status: number
  readonly headers?: FlatHeaders
  readonly body?: Buffer | string | undefined
}

export const ROUTE = { id: '5f0c4f24-1f0a-4b0e-9a52-0a7c3f3b8f01', name: 'orders', declared: false }
export const SERVICE = {
  id: '0b9d6f6e-8a33-4f0f-8df5-6a1d2c9b7e02',
  name: 'order-service',
  host: 'order-service',
  port: 3000,
  protocol: 'https',
}

/** A request as a plugin sees it, in memory: keeps what a plugin says and changes, and does nothing of its own. */
export class FakeRequest implements PluginRequest {
  readonly requestId: string = randomUUID()
  readonly traceId: string = this.requestId.replaceAll('-', '')
  readonly spanId: string = randomBytes(8).toString('hex')
  readonly httpVersion = '1.1'
  readonly method: string
  readonly path: string
  readonly query: string
  readonly host: string
  readonly headers: FlatHeaders
  readonly client: PluginRequest['client']
  readonly route: PluginRequest['route']
  readonly service: PluginRequest['service']
  readonly captures: Readonly<Record<string, string>>
  readonly startedAt: number
  readonly upstream: UpstreamDraft
  readonly answerHeaders: Headers = new Headers()
  readonly notes: Map<object, unknown> = new Map()
  person: Person | undefined
  consumer: Consumer | undefined
  credentialId: string | undefined
  groups: readonly string[]
  anonymous = false
  /** What a plugin has answered; the first counts. */
  answered: GivenAnswer | undefined
  readonly contentLength: number | undefined
  readonly #body: Buffer

  constructor(given: Given = {}) {
    this.method = given.method ?? 'GET'
    this.path = given.path ?? '/orders'
    this.query = given.query ?? ''
    this.host = given.host ?? 'localhost'
    this.headers = given.headers ?? []
    this.client = { ...CLIENT, ...given.client }
    this.route = given.route ?? ROUTE
    this.service = 'service' in given ? given.service : SERVICE
    this.captures = given.captures ?? {}
    this.startedAt = given.startedAt ?? Date.now()
    this.person = given.person
    this.consumer = given.consumer
    this.credentialId = given.credentialId
    this.groups = given.groups ?? []
    this.#body = Buffer.from(given.body ?? '')
    this.contentLength = given.chunked === true ? undefined : this.#body.length
    this.upstream = {
      method: this.method,
      path: this.path,
      query: this.query,
      body: undefined,
      headers: new Headers(this.headers),
    }
  }
  header(name: string): string | undefined {
    return new Headers(this.headers).get(name)
  }
  all(name: string): readonly string[] {
    return new Headers(this.headers).all(name)
  }
  authenticated(who: Parameters<PluginRequest['authenticated']>[0]): void {
    this.person = who.person
    this.consumer = who.consumer
    this.credentialId = who.credentialId
    this.groups = who.groups ?? []
    this.anonymous = who.anonymous === true
  }
  body(bytesMax: number): Promise<Buffer> {
    if (this.#body.length > bytesMax) return Promise.reject(new Refusal('BODY_TOO_LARGE'))
    return Promise.resolve(this.#body)
  }
  answer(answer: GivenAnswer): void {
    this.answered ??= answer
  }
}
const CLIENT: PluginRequest['client'] = {
  address: '192.0.2.7',
  tlsVersion: 'TLSv1.3',
  tlsCipher: 'TLS_AES_128_GCM_SHA256',
  sni: 'localhost',
  certificates: () => [],
}

/** The head of an answer, from the service where nothing else is said. */
export function fakeAnswer(
  given: { status?: number; headers?: FlatHeaders; source?: PluginAnswer['source'] } = {},
): PluginAnswer {
  const { status = 200, headers = [], source = 'service' } = given
  return { status, headers: new Headers(headers), source }
}

/** What has become of `asked`, as the gateway tells it. */
export function fakeRecord(asked: PluginRequest, given: Partial<PluginRecord> = {}): PluginRecord {
  return {
    asked,
    status: 200,
    answerHeaders: ['content-type', 'application/json'],
    source: 'service',
    requestBytes: 0,
    answerBytes: 42,
    totalMs: 12,
    upstreamMs: 9,
    gatewayMs: 3,
    tries: [{ address: '127.0.0.1:3000', status: 200 }],
    ...given,
  }
}
