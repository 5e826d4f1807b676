import type { Duplex } from 'node:stream'
import type { FieldLines } from '@countersign/ground/http1'
import { NOT_STARTED_HEADER, type Receiver, UpstreamError } from '@countersign/layers'
import { filterResponseHeaders } from '../domain/filter-headers.ts'
import { checkAgreement } from '../domain/check-web-socket.ts'
import { routeOf } from '../domain/route.ts'
import type { AnswerLines } from '../door/answer-lines.ts'
import { isBodiless } from '../door/frame-answer.ts'
import type { Reply, ReplyListener } from '../door/asked.ts'
import type { Exchange } from '../exchange.ts'
import { ANSWER_BUFFER_BYTES_MAX } from '../limits.ts'
import { addDoorHeaders, addDoorLines } from '../respond.ts'
import { ClientGone } from './body-refusals.ts'
import type { Lasting, LastingOnes } from './lasting.ts'
import type { Outcome } from './outcome.ts'
import { answerLinesOf } from './pass-lines.ts'
import { tellInTrailers } from './tell-in-trailers.ts'
import { Tunnel } from './tunnel.ts'

const NOTHING = (): void => {}

/** Whom an attempt tells. */
interface Owner {
  readonly lasting: LastingOnes
  /** Once: how it has ended. */
  ended(outcome: Outcome): void
}

/*
 * Takes the answer of a service to the client:
 * 1. a small answer of known length is collected and leaves in one write, head and all
 * 2. any other streams; a client that does not keep up holds the service back
 * 3. an agreement to change to WebSocket makes a tunnel of both connections
 * 4. where it comes before the body of the request was sent, the rest of that is read by nobody: the connection ends
 * 5. what does not say how long it is can be ended by a change of the configuration
 */
export class Attempt implements Receiver, ReplyListener, Lasting {
  /** Ends the call early; set by who starts it. */
  cancel: () => void = NOTHING
  readonly exchange: Exchange
  readonly #reply: Reply
  readonly #owner: Owner
  #resume: () => void = NOTHING
  readonly #beganAt = performance.now()
  #status = 0
  #headers: string[] = []
  /** In place of headers, where the answer goes out as it came in. */
  #lines: AnswerLines | undefined
  /** The answer is collected: its only piece so far, and further ones. */
  #collects = false
  #piece: Buffer | undefined
  #further: Buffer[] | undefined
  #trailersOnly = false
  #over = false
  #lasts = false

  constructor(exchange: Exchange, owner: Owner) {
    this.#owner = owner
    this.exchange = exchange
    this.#reply = exchange.response
    this.#reply.listen(this)
  }

  /* From the service. */

  head(
    status: number,
    headers: readonly string[],
    resume: () => void,
    lines?: FieldLines | undefined,
  ): boolean {
    if (status === 503 && headerOf(headers, NOT_STARTED_HEADER) === '1') {
      this.#end({ kind: 'unstarted' })
      this.#collects = true
      return true
    }
    if (lines !== undefined && this.#reply.sendLines !== undefined && isSmall(headers)) {
      this.#begin(status)
      this.#lines = this.#bodiless ? undefined : answerLinesOf(headers, lines)
      if (this.#lines !== undefined) {
        this.#collects = true
        return true
      }
    }
    return this.begin(status, filterResponseHeaders(headers), resume)
  }

  /** The head as it goes to the client; `headers` become this object's own. */
  begin(status: number, headers: string[], resume: () => void): boolean {
    this.#begin(status)
    this.#headers = status === 204 ? withoutLength(headers) : headers
    this.#resume = resume
    // An answer of gRPC that has its status in the head has nothing else.
    this.#trailersOnly = headerOf(headers, 'grpc-status') !== undefined
    if (this.#bodiless || this.#trailersOnly || isSmall(headers)) {
      this.#collects = true
      return true
    }
    this.#writeHead()
    return true
  }
  #begin(status: number): void {
    this.#status = status
    this.exchange.upstreamMs = performance.now() - this.#beganAt
  }
  #writeHead(): void {
    try {
      this.#reply.head(this.#status, this.#answerHeaders())
      if (headerOf(this.#headers, 'content-length') === undefined) this.last()
    } catch (error) {
      this.#unwritable(error)
    }
  }
  /** There is a body where none was expected. */
  #stream(chunk: Buffer): boolean {
    this.#trailersOnly = false
    this.#collects = false
    this.#writeHead()
    return this.#over || this.#reply.write(chunk)
  }

  data(chunk: Buffer): boolean {
    if (this.#over) return true
    if (!this.#collects) return this.#reply.write(chunk)
    if (this.#trailersOnly) return this.#stream(chunk)
    if (this.#bodiless) return true
    if (this.#piece === undefined) this.#piece = chunk
    else {
      this.#further ??= [this.#piece]
      this.#further.push(chunk)
    }
    return true
  }

  end(trailers?: readonly string[]): void {
    if (this.#over) return
    if (!this.#collects) {
      if (trailers !== undefined) this.#reply.trailers?.(filterResponseHeaders(trailers))
      this.#reply.end()
      return
    }
    const whole = this.#further === undefined ? this.#piece : Buffer.concat(this.#further)
    const body = this.#bodiless ? undefined : whole
    try {
      if (this.#lines !== undefined) this.#sendLines(this.#lines, body)
      else this.#reply.send(this.#status, this.#answerHeaders(), body)
    } catch (error) {
      this.#unwritable(error)
    }
  }

  error(error: UpstreamError): void {
    if (this.#over) return
    // The body broke off: that says nothing of the service, or clients could have it taken for broken.
    if (error.cause instanceof ClientGone) {
      this.#end({ kind: 'gone' })
      return
    }
    if (this.#reply.headSent) {
      this.#end({ kind: 'broken', error })
      this.#reply.destroy()
    } else this.#end({ kind: 'failed', error })
  }

  upgraded(status: number, headers: readonly string[], service: Duplex, firstBytes: Buffer): void {
    this.change(status, headers, { flat: filterResponseHeaders(headers), service, firstBytes })
  }
  /** A change of protocol. `flat`: the head as it goes to the client, and this object's own. */
  change(
    status: number,
    headers: readonly string[],
    {
      flat,
      service,
      firstBytes,
    }: { readonly flat: string[]; readonly service: Duplex; readonly firstBytes: Buffer },
  ): void {
    const key = this.exchange.request.header('sec-websocket-key') ?? ''
    const fault = this.#over ? 'nobody waits for it' : checkAgreement(headers, key)
    if (fault !== undefined) {
      service.destroy()
      if (!this.#over) this.#end({ kind: 'failed', error: malformed(fault) })
      return
    }
    this.#status = status
    this.#headers = flat
    flat.push('connection', 'Upgrade', 'upgrade', 'websocket')
    try {
      const client = this.#reply.tunnel(status, this.#answerHeaders())
      if (firstBytes.length > 0) client.write(firstBytes)
      this.#end({ kind: 'tunnel', tunnel: this.#tunnel(client, service, firstBytes) })
    } catch (error) {
      service.destroy()
      this.#unwritable(error)
    }
  }
  #tunnel(client: Duplex, service: Duplex, firstBytes: Buffer): Tunnel {
    const { provenUntil = Number.POSITIVE_INFINITY } = this.exchange
    const idleMsMax = routeOf(this.exchange).endpoint.timeoutMs
    return new Tunnel(client, service, { idleMsMax, until: provenUntil * 1000, firstBytes })
  }

  /** The answer does not pass: what came of it so far is forgotten, or the client sees it break off. */
  refuse(error: unknown): void {
    if (this.#over) return
    const told = tellInTrailers(this.exchange, error)
    const begun = this.#reply.headSent
    this.#end(told === undefined ? { kind: 'refused', error } : { kind: 'refused', error, told })
    if (begun && told === undefined) this.#reply.destroy()
    this.cancel()
  }
  /** It may go on for as long as both sides like. */
  last(): void {
    if (this.#over || this.#lasts) return
    this.#lasts = true
    this.#owner.lasting.add(this)
  }

  /* From the client. */

  drained(): void {
    this.#resume()
  }
  closed(whole: boolean): void {
    if (this.#over) return
    if (whole) {
      this.#end({ kind: 'answered', status: this.#status })
      return
    }
    this.#end({ kind: 'gone' })
    this.cancel()
  }

  get #bodiless(): boolean {
    return isBodiless(this.exchange.method, this.#status)
  }

  #sendLines(lines: AnswerLines, body: Buffer | undefined): void {
    this.exchange.status = this.#status
    this.#reply.sendLines?.(this.#status, addDoorLines(this.exchange, lines), body)
  }
  #answerHeaders(): string[] {
    this.exchange.status = this.#status
    addDoorHeaders(this.exchange, this.#headers)
    const { plugins } = this.exchange
    if (plugins !== undefined) plugins.passage.answerHeaders = this.#headers
    return this.#headers
  }

  /** A service's headers that cannot be written again are its fault, and no answer. */
  #unwritable(error: unknown): void {
    if (!(error instanceof TypeError)) throw error
    this.#end({ kind: 'failed', error: malformed(error.message) })
    this.cancel()
  }

  #end(outcome: Outcome): void {
    this.#over = true
    if (this.#lasts) this.#owner.lasting.delete(this)
    this.#reply.listen(undefined)
    this.#owner.ended(outcome)
  }
}

/** Whether the answer is collected. */
function isSmall(headers: readonly string[]): boolean {
  const length = Number(headerOf(headers, 'content-length') ?? -1)
  return length >= 0 && length <= ANSWER_BUFFER_BYTES_MAX
}

const malformed = (what: string): UpstreamError =>
  new UpstreamError('ANSWER_MALFORMED', what, { sent: true, answered: true })

/** A 204 has none (RFC 9110 section 8.6): some would wait for a body of that length. */
function withoutLength(headers: readonly string[]): string[] {
  return headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'content-length')
}

/** The first value of a header. `name` in lower case. */
function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.length === name.length && headers[i]?.toLowerCase() === name)
      return headers[i + 1]
  return undefined
}
