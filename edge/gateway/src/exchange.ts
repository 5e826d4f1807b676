import type { Witness } from '@countersign/contract/platform'
import type { LimitVerdict, Permit, Refusal, RequestLines } from '@countersign/layers'
import type { Person } from '@countersign/policy'
import { type Captures, NO_CAPTURES } from './domain/operator/path-rule.ts'
import type { Incoming, Reply } from './door/asked.ts'
import type { Route } from './domain/route.ts'
import type { Body } from './forward/read-body.ts'
import { newIdLines, requestIdIn, spanIdIn, traceIdIn, traceparentIn } from './id-lines.ts'
import type { Live } from './plugins/live.ts'
import type { PluginExchange } from './plugins/plugin-exchange.ts'

/** What is known of a client's connection, once for all its requests. */
export interface ConnectionFacts {
  /** Where the client connected from: told by the balancer, or the peer of the socket. Plain form. */
  readonly address: string
  /** What counts as one client: see `addressKey`. */
  readonly source: string
  /** The port of the public door that the client connected to. */
  readonly doorPort: number
  /** Name of the connection in the balancer's header, if there was one. */
  readonly uniqueId: string | undefined
  readonly tlsVersion: string
  readonly tlsCipher: string
  /** The name that the client asked for in TLS, in lower case; `undefined` where it sent none. */
  readonly sni: string | undefined
  /**
   * Certificates that the client showed, DER, leaf first; empty where it showed none or was not asked. That it has the key
   * of the leaf is proven; whether the chain is worth anything is not.
   */
  certificates(): readonly Buffer[]
  /** What is told of the connection to services, once it was put into words for this authority. */
  forwarded: { readonly authority: string; readonly lines: RequestLines } | undefined
}

/**
 * One request and its answer on their way through the layers. Layers fill it in order, each what it has proven; what is
 * not filled is not known. Its ids are always ours: a client's request id and trace are not taken over.
 */
export class Exchange {
  readonly request: Incoming
  readonly response: Reply
  readonly connection: ConnectionFacts
  /** Its ids, as they are told: see id-lines.ts. */
  readonly idLines: string = newIdLines()
  readonly startedAt: number = performance.now()

  path: string | undefined
  query = ''
  /** The Host as it was sent; without its port, in lower case; and its port, or that of the scheme. */
  authority = ''
  host = ''
  port = 443
  route: Route | undefined
  /** Characters of the path that the route's path has matched. */
  cut = 0
  captures: Captures = NO_CAPTURES
  #live: Live | undefined
  /** The plugins of the route; `undefined`: there are none. */
  plugins: PluginExchange | undefined
  /** A preflight request that only a plugin can answer: what is said where none does. */
  preflight: Refusal | undefined
  /** The body of the request, once it was read whole before its time. */
  body: Body | undefined
  /** From asking the service to the head of its answer, where somebody wants to know. */
  upstreamMs: number | undefined
  person: Person | undefined
  /** When the proof of who asks is over, in seconds since 1970, as far as it is known. */
  provenUntil: number | undefined
  permit: Permit | undefined
  limit: LimitVerdict | undefined
  refusal: Refusal | undefined
  /** The cookie that binds the client to a target, where it had none: it comes with the answer. */
  sticky: { readonly name: string; readonly path: string; readonly value: string } | undefined
  /** Status of the answer; 0 while there is none, 499 when the client went away before it. */
  status = 0
  /** What has ended the exchange, where that was no answer. */
  failure: unknown
  /** How many frames of the stack it has entered. */
  entered = 0
  #witness: Witness | undefined
  #furtherWitnesses: readonly Witness[] | undefined
  #whenOver: ((exchange: Exchange) => void) | undefined

  constructor(request: Incoming, response: Reply, connection: ConnectionFacts) {
    this.request = request
    this.response = response
    this.connection = connection
  }
  /** The same request, as if it came now: what was proven of it is not known. Nobody answers it. */
  asIfNew(): Exchange {
    const made = new Exchange(this.request, this.response, this.connection)
    made.path = this.path
    made.query = this.query
    made.authority = this.authority
    made.host = this.host
    made.port = this.port
    // What has not been read by now is between client and service.
    made.body = this.body ?? { kind: 'none' }
    return made
  }
  /** The exchange ends, with what was thrown on the way, if anything. The first word counts. */
  over(failure?: unknown): void {
    const whenOver = this.#whenOver
    if (whenOver === undefined) return
    this.#whenOver = undefined
    this.failure = failure
    whenOver(this)
  }
  /** `leave` is called once, when the exchange is over. */
  whenOver(leave: (exchange: Exchange) => void): void {
    this.#whenOver = leave
  }
  /** An instance that was asked has proven who it is. */
  met(witness: Witness): void {
    if (this.#witness === undefined) this.#witness = witness
    else this.#furtherWitnesses = [...(this.#furtherWitnesses ?? []), witness]
  }
  /** Who was asked, in order. */
  get downstream(): readonly Witness[] {
    return this.#witness === undefined ? [] : [this.#witness, ...(this.#furtherWitnesses ?? [])]
  }
  /** Keeps the plugins of this moment until `release`. */
  hold(live: Live): void {
    live.hold()
    this.#live = live
  }
  get live(): Live | undefined {
    return this.#live
  }
  /** The exchange is over. */
  release(): void {
    this.#live?.release()
    this.#live = undefined
  }
  get requestId(): string {
    return requestIdIn(this.idLines)
  }
  /** W3C trace id; the request id without its dashes, so that either leads to the other. */
  get traceId(): string {
    return traceIdIn(this.idLines)
  }
  get spanId(): string {
    return spanIdIn(this.idLines)
  }
  get traceparent(): string {
    return traceparentIn(this.idLines)
  }
  get method(): string {
    return this.request.method
  }
}

/** Whether it is known who asks. */
export const isProven = ({ person, plugins }: Exchange): boolean =>
  person !== undefined || plugins?.consumer !== undefined || plugins?.credentialId !== undefined
