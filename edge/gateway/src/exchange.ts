import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Witness } from '@countersign/contract/platform'
import type { LimitVerdict, Permit, Refusal } from '@countersign/layers'
import type { Person } from '@countersign/policy'
import type { Route } from './domain/route.ts'

/** What is known of a client's connection, once for all its requests. */
export interface ConnectionFacts {
  /** Where the client connected from: told by the balancer, or the peer of the socket. Plain form. */
  readonly address: string
  /** The port of the public door that the client connected to. */
  readonly doorPort: number
  /** Name of the connection in the balancer's header, if there was one. */
  readonly uniqueId: string | undefined
  readonly tlsVersion: string
  readonly tlsCipher: string
}

const SPAN_POOL_BYTES = 8 * 512
let spans = randomBytes(SPAN_POOL_BYTES)
let spanAt = 0
/** Random bytes for span ids, fetched by the pool. */
function newSpanId(): string {
  if (spanAt === SPAN_POOL_BYTES) {
    spans = randomBytes(SPAN_POOL_BYTES)
    spanAt = 0
  }
  const id = spans.toString('hex', spanAt, spanAt + 8)
  spanAt += 8
  return id
}

/**
 * One request and its answer on their way through the layers. Layers fill it in order, each what it has proven; what is
 * not filled is not known. Its ids are always ours: a client's request id and trace are not taken over.
 */
export class Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: ConnectionFacts
  readonly requestId: string = randomUUID()
  /** W3C trace id; the request id without its dashes, so that either leads to the other. */
  readonly traceId: string
  readonly spanId: string = newSpanId()
  readonly startedAt: number = performance.now()
  /** The client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean

  path: string | undefined
  query = ''
  host = ''
  route: Route | undefined
  person: Person | undefined
  permit: Permit | undefined
  limit: LimitVerdict | undefined
  refusal: Refusal | undefined
  readonly downstream: Witness[] = []
  /** Status of the answer; 0 while there is none, 499 when the client went away before it. */
  status = 0
  /** The connection ends after this answer. */
  closeAfter = false
  readonly #isDraining: () => boolean

  constructor(options: {
    request: IncomingMessage
    response: ServerResponse
    connection: ConnectionFacts
    expectsContinue: boolean
    isDraining: () => boolean
  }) {
    this.#isDraining = options.isDraining
    this.request = options.request
    this.response = options.response
    this.connection = options.connection
    this.expectsContinue = options.expectsContinue
    this.traceId = this.requestId.replaceAll('-', '')
  }
  get traceparent(): string {
    return `00-${this.traceId}-${this.spanId}-01`
  }
  /** Whether the client is told to close, in an answer that is written now. */
  get closes(): boolean {
    return this.closeAfter || this.#isDraining()
  }
  get method(): string {
    return this.request.method ?? ''
  }
}
