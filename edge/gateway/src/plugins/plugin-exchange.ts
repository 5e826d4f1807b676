import type {
  Consumer,
  FlatHeaders,
  PluginRequest,
  RouteInfo,
  ServiceInfo,
} from '@countersign/kong'
import type { Person } from '@countersign/policy'
import { routeOf, upstreamPath } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'
import { readWholeBody } from '../forward/read-whole-body.ts'
import type { BoundChain } from './bound-chain.ts'
import { Draft } from './draft.ts'
import { AnswerHeaders, sameName } from './headers.ts'
import type { Proven } from './identity-headers.ts'
import { serviceInfo } from './live.ts'
import { Passage } from './passage.ts'

/** An answer that a plugin gives in place of the service. */
export type Answered = Parameters<PluginRequest['answer']>[0]

/** A request as plugins see it, over the exchange that it is. Made only where a chain of plugins stands on the route. */
export class PluginExchange implements PluginRequest, Proven {
  readonly chain: BoundChain
  readonly #exchange: Exchange
  #person: Person | undefined
  #consumer: Consumer | undefined
  #credentialId: string | undefined
  #groups: readonly string[] = NOBODYS
  #anonymous = false
  #toldGroups: readonly string[] | undefined
  #notes: Map<object, unknown> | undefined
  #upstream: Draft | undefined
  #answerHeaders: AnswerHeaders | undefined
  #client: PluginRequest['client'] | undefined
  #route: RouteInfo | undefined
  #service: ServiceInfo | undefined
  readonly passage: Passage = new Passage()
  /** The first answer that a plugin has given. */
  answered: Answered | undefined
  /** Which plugin has proven who asks, or has decided on the request: for records. */
  decidedBy: string | undefined

  constructor(exchange: Exchange, chain: BoundChain) {
    this.#exchange = exchange
    this.chain = chain
  }

  get requestId(): string {
    return this.#exchange.requestId
  }
  get traceId(): string {
    return this.#exchange.traceId
  }
  get spanId(): string {
    return this.#exchange.spanId
  }
  get method(): string {
    return this.#exchange.method
  }
  get path(): string {
    return this.#exchange.path ?? '/'
  }
  get query(): string {
    return this.#exchange.query
  }
  get host(): string {
    return this.#exchange.host
  }
  get httpVersion(): string {
    return this.#exchange.request.version
  }
  get headers(): FlatHeaders {
    return this.#exchange.request.headers
  }
  get contentLength(): number | undefined {
    return this.#exchange.request.length
  }
  get startedAt(): number {
    return performance.timeOrigin + this.#exchange.startedAt
  }
  get captures(): Readonly<Record<string, string>> {
    return this.#exchange.captures
  }
  header(name: string): string | undefined {
    return this.#exchange.request.header(name)
  }
  all(name: string): readonly string[] {
    const { headers } = this
    const values: string[] = []
    for (let i = 0; i + 1 < headers.length; i += 2)
      if (sameName(headers[i] ?? '', name)) values.push(headers[i + 1] ?? '')
    return values
  }

  /** Where the chain stands, for records. */
  get place(): string {
    return routeOf(this.#exchange).origin
  }
  get client(): PluginRequest['client'] {
    const { connection } = this.#exchange
    this.#client ??= {
      address: connection.address,
      tlsVersion: connection.tlsVersion,
      tlsCipher: connection.tlsCipher,
      sni: connection.sni,
      certificates: () => connection.certificates(),
    }
    return this.#client
  }
  get route(): RouteInfo {
    const { operator, label } = routeOf(this.#exchange)
    this.#route ??=
      operator === undefined
        ? { id: label, name: label, declared: true }
        : { id: operator.id, name: operator.name, declared: false }
    return this.#route
  }
  get service(): ServiceInfo | undefined {
    if (this.#service !== undefined) return this.#service
    const { operator, service } = routeOf(this.#exchange)
    if (operator === undefined)
      this.#service = { id: service, name: service, host: service, port: 443, protocol: 'https' }
    else if (operator.kongService !== undefined) this.#service = serviceInfo(operator.kongService)
    return this.#service
  }

  get person(): Person | undefined {
    return this.#person ?? this.#exchange.person
  }
  get consumer(): Consumer | undefined {
    return this.#consumer
  }
  get credentialId(): string | undefined {
    return this.#credentialId
  }
  get groups(): readonly string[] {
    return this.#groups
  }
  get anonymous(): boolean {
    return this.#anonymous
  }
  get toldGroups(): readonly string[] | undefined {
    return this.#toldGroups
  }
  /**
   * On a route of an operator this is who asks. A contract's route goes on to decide by the token that the gateway itself
   * has checked: there a plugin can only ask for more.
   */
  authenticated(who: Parameters<PluginRequest['authenticated']>[0]): void {
    this.#person = who.person
    this.#consumer = who.consumer
    this.#credentialId = who.credentialId
    this.#groups = who.groups ?? NOBODYS
    this.#anonymous = who.anonymous === true
    this.#exchange.provenUntil = soonest(this.#exchange.provenUntil, who.expiresAt)
    if (routeOf(this.#exchange).operator !== undefined) this.#exchange.person = who.person
  }
  tellGroups(groups: readonly string[]): void {
    this.#toldGroups = groups
  }

  get upstream(): Draft {
    const { cut } = this.#exchange
    this.#upstream ??= new Draft(this, upstreamPath(routeOf(this.#exchange), this.path, cut))
    return this.#upstream
  }
  /** What plugins have changed; `undefined`: nothing was looked at. */
  get draft(): Draft | undefined {
    return this.#upstream
  }
  body(bytesMax: number): Promise<Buffer> {
    return readWholeBody(this.#exchange, bytesMax)
  }
  answer(answer: Answered): void {
    this.answered ??= answer
  }
  get answerHeaders(): AnswerHeaders {
    this.#answerHeaders ??= new AnswerHeaders()
    return this.#answerHeaders
  }
  /** What plugins have said of the answer, if anything. */
  get saidOfAnswer(): AnswerHeaders | undefined {
    return this.#answerHeaders
  }
  get notes(): Map<object, unknown> {
    this.#notes ??= new Map()
    return this.#notes
  }
}
const NOBODYS: readonly string[] = []
const soonest = (a = Number.POSITIVE_INFINITY, b = Number.POSITIVE_INFINITY): number | undefined =>
  Math.min(a, b) === Number.POSITIVE_INFINITY ? undefined : Math.min(a, b)
