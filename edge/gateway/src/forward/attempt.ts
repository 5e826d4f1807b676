import type { ServerResponse } from 'node:http'
import { NOT_STARTED_HEADER, type Receiver, type UpstreamError } from '@countersign/layers'
import { filterResponseHeaders } from '../domain/filter-headers.ts'
import type { Exchange } from '../exchange.ts'
import { ANSWER_BUFFER_BYTES_MAX, SEND_STALL_MS } from '../limits.ts'
import { doorHeaders, endAnswer, giveUpBody } from '../respond.ts'

/** How one call of one instance ended. */
export type Outcome =
  /** The answer is with the client, or as much of it as the client took. */
  | { readonly kind: 'answered'; readonly status: number }
  /** No answer: another instance may be tried. */
  | { readonly kind: 'failed'; readonly error: UpstreamError }
  /** The instance states that it has not begun with the request. */
  | { readonly kind: 'unstarted' }
  /** The answer had begun and broke off. */
  | { readonly kind: 'broken'; readonly error: UpstreamError }
  /** The client went away. */
  | { readonly kind: 'gone' }

/*
 * Takes the answer of a service to the client:
 * 1. a small answer of known length is collected and leaves in one write, head and all
 * 2. any other streams; a client that does not keep up holds the service back
 * 3. where it comes before the body of the request was sent, the rest of that is read by nobody: the connection ends
 */
export class Attempt implements Receiver {
  readonly done: Promise<Outcome>
  /** Ends the call early; set by who starts it. */
  cancel: () => void = () => {}
  readonly #exchange: Exchange
  readonly #response: ServerResponse
  readonly #resolve: (outcome: Outcome) => void
  readonly #onClose = (): void => this.#closed()
  #stall: NodeJS.Timeout | undefined
  #status = 0
  #headers: string[] = []
  #collected: Buffer[] | undefined
  #written = -1
  #over = false

  constructor(exchange: Exchange) {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    this.done = promise
    this.#resolve = resolve
    this.#exchange = exchange
    this.#response = exchange.response
    this.#response.on('close', this.#onClose)
  }

  head(status: number, rawHeaders: readonly Buffer[], resume: () => void): boolean {
    const headers: string[] = []
    for (const each of rawHeaders) headers.push(each.toString('latin1'))
    this.#status = status
    this.#headers = filterResponseHeaders(headers)
    if (status === 503 && headerOf(headers, NOT_STARTED_HEADER) === '1') {
      this.#end({ kind: 'unstarted' })
      this.#collected = []
      return true
    }
    const length = Number(headerOf(headers, 'content-length') ?? -1)
    if (this.#bodiless || (length >= 0 && length <= ANSWER_BUFFER_BYTES_MAX)) {
      this.#collected = []
    } else {
      this.#writeHead()
      this.#watchClient()
      this.#response.on('drain', resume)
    }
    return true
  }

  data(chunk: Buffer): boolean {
    if (this.#collected === undefined) return this.#response.write(chunk)
    this.#collected.push(chunk)
    return true
  }

  end(): void {
    if (this.#over) return
    if (this.#collected === undefined) {
      endAnswer(this.#exchange, undefined)
      return
    }
    const [only] = this.#collected
    const whole = this.#collected.length === 1 ? only : Buffer.concat(this.#collected)
    this.#writeHead()
    endAnswer(this.#exchange, this.#bodiless ? undefined : whole)
    this.#watchClient()
  }

  error(error: UpstreamError): void {
    if (this.#over) return
    if (this.#response.headersSent) {
      this.#end({ kind: 'broken', error })
      this.#response.destroy()
    } else this.#end({ kind: 'failed', error })
  }

  get #bodiless(): boolean {
    return this.#exchange.method === 'HEAD' || this.#status === 204 || this.#status === 304
  }

  #writeHead(): void {
    this.#exchange.status = this.#status
    giveUpBody(this.#exchange)
    this.#headers.push(...doorHeaders(this.#exchange))
    this.#response.writeHead(this.#status, this.#headers)
  }

  /** The clock runs against the client, too: it has to take some of its answer now and then. */
  #watchClient(): void {
    clearTimeout(this.#stall)
    this.#stall = setTimeout(() => {
      const written = this.#response.socket?.bytesWritten ?? 0
      const waits = this.#response.writableLength > 0
      if (waits && written === this.#written) this.#response.destroy()
      else this.#watchClient()
      this.#written = written
    }, SEND_STALL_MS)
  }

  #closed(): void {
    if (this.#response.writableFinished) {
      this.#end({ kind: 'answered', status: this.#status })
      return
    }
    this.#end({ kind: 'gone' })
    this.cancel()
  }

  #end(outcome: Outcome): void {
    this.#over = true
    clearTimeout(this.#stall)
    this.#response.off('close', this.#onClose)
    this.#resolve(outcome)
  }
}

/** The first value of a header. `name` in lower case. */
function headerOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.length === name.length && headers[i]?.toLowerCase() === name)
      return headers[i + 1]
  return undefined
}
