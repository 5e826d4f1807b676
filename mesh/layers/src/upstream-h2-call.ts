import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2'
import { messageOf } from '@countersign/ground/errors'
import { INTERIM_ANSWERS_MAX } from './limits.ts'
import type { BodySink } from './upstream-body.ts'
import { UpstreamError } from './upstream-error.ts'
import type { Exchange } from './upstream-exchange.ts'
import type { H2Link } from './upstream-h2-link.ts'

/*
 * One request of HTTP/2 and its answer, on a stream of its own:
 *
 *  1. the head, which has been found good before (upstream-request.ts), and the body at the pace of the stream
 *  2. interim answers are told and counted; the final head, the body at the pace of the receiver, and its trailers
 *  3. an answer that has a length is whole with it; one that has none is whole where the other side says so
 *  4. a stream that the other side has refused was not begun, and may be sent elsewhere
 */
export class H2Call implements BodySink {
  readonly #exchange: Exchange
  readonly #link: H2Link
  #stream: ClientHttp2Stream | undefined
  #interim = 0
  #headed = false
  #trailers: readonly string[] | undefined
  /** Bytes of the answer that are due; -1: nobody has said. */
  #due = -1
  #sourceDone = true
  #error: Error | undefined

  constructor(exchange: Exchange, link: H2Link) {
    this.#exchange = exchange
    this.#link = link
  }

  // 1. out

  start(session: ClientHttp2Session): void {
    const exchange = this.#exchange
    const { body = null } = exchange.request
    exchange.connection = this
    exchange.sent = true
    let stream: ClientHttp2Stream
    try {
      stream = session.request(this.#head(), { endStream: body === null })
    } catch (thrown) {
      exchange.sent = false
      const code = session.closed || session.destroyed ? 'CONNECTION_LOST' : 'REQUEST_INVALID'
      this.#fail(code, messageOf(thrown), thrown)
      this.#link.over(this)
      return
    }
    this.#stream = stream
    this.#listen(stream)
    if (body === null) return
    if (typeof body === 'string' || body instanceof Uint8Array) stream.end(body)
    else {
      this.#sourceDone = false
      stream.on('drain', () => {
        exchange.wrote(true)
        if (!this.#sourceDone) body.resume()
      })
      body.start(this)
    }
  }
  /** Name, value, name, value …, in lower case: what is said of the connection has no place here. */
  #head(): string[] {
    const { method, path, headers, host } = this.#exchange.request
    const list = [':method', method, ':scheme', 'https', ':path', path]
    list.push(':authority', host ?? authorityIn(this.#exchange.head))
    for (let i = 0; i + 1 < headers.length; i += 2) {
      const name = (headers[i] ?? '').toLowerCase()
      if (!OF_CONNECTION.has(name)) list.push(name, headers[i + 1] ?? '')
    }
    return list
  }
  write(chunk: Uint8Array): boolean {
    if (this.#sourceDone) return false
    if (chunk.length === 0) return true
    const isTaken = this.#stream?.write(chunk) === true
    this.#exchange.wrote(isTaken)
    return isTaken
  }
  /** Trailers of a request are left out: nobody asks for them. */
  end(): void {
    if (this.#sourceDone) return
    this.#sourceDone = true
    this.#stream?.end()
  }
  fail(error: Error): void {
    if (this.#sourceDone) return
    this.#sourceDone = true
    this.#exchange.cancel(this.#exchange.errorOf('ABORTED', error.message, error))
  }
  /** The exchange is over, one way or the other: nothing of it is wanted any more. */
  destroy(): void {
    this.#stream?.close(constants.NGHTTP2_CANCEL)
  }

  // 2. in

  #listen(stream: ClientHttp2Stream): void {
    stream
      .on('headers', (_fields, _flags, raw) => this.#tellInterim(raw))
      .on('response', (_fields, _flags, raw) => this.#begin(stream, raw))
      .on('trailers', (_fields, _flags, raw) => {
        this.#trailers = raw
      })
      .on('error', (error) => {
        this.#error = error
      })
      .on('close', () => this.#closed(stream))
  }
  #tellInterim(raw: readonly string[]): void {
    const { receiver } = this.#exchange
    const { status, headers } = split(raw)
    if (++this.#interim > INTERIM_ANSWERS_MAX) this.#breakOff('too many interim answers')
    else if (!this.#exchange.over) receiver.informational?.(status, headers)
  }
  #begin(stream: ClientHttp2Stream, raw: readonly string[]): void {
    const exchange = this.#exchange
    if (exchange.over) return
    const { status, headers, length } = split(raw)
    if (!(status >= 200 && status <= 599)) {
      this.#breakOff('a status that is none')
      return
    }
    const bodiless = exchange.request.method === 'HEAD' || status === 204 || status === 304
    this.#due = bodiless ? -1 : length
    this.#headed = true
    exchange.answered = true
    exchange.progress()
    const goOn = exchange.receiver.head(status, headers, () => this.#resume(stream))
    if (exchange.over) return
    stream.on('data', (chunk: Buffer) => this.#take(stream, chunk))
    stream.on('end', () => this.#ended())
    if (!goOn) this.#hold(stream)
  }
  #take(stream: ClientHttp2Stream, chunk: Buffer): void {
    const exchange = this.#exchange
    if (exchange.over) return
    if (this.#due !== -1) this.#due -= chunk.length
    if (exchange.receiver.data(chunk)) exchange.progress()
    else if (!exchange.over) this.#hold(stream)
  }
  #hold(stream: ClientHttp2Stream): void {
    stream.pause()
    this.#exchange.rest()
  }
  #resume(stream: ClientHttp2Stream): void {
    if (this.#exchange.over || !stream.isPaused()) return
    this.#exchange.progress()
    stream.resume()
  }

  // 3. and 4. the end

  #ended(): void {
    if (this.#due > 0) this.#breakOff('the answer is shorter than it says')
    else {
      const unsent = !this.#sourceDone
      this.#giveUpSource()
      this.#exchange.end(this.#trailers)
      if (unsent) this.destroy()
    }
  }
  #closed(stream: ClientHttp2Stream): void {
    if (!this.#exchange.over) {
      const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
      if (refused && !this.#headed) this.#exchange.sent = false
      const error = this.#link.error ?? this.#error
      const code = error instanceof UpstreamError ? error.code : 'CONNECTION_LOST'
      this.#fail(code, `the stream ended before the answer (${stream.rstCode})`, error)
    }
    this.#giveUpSource()
    this.#link.over(this)
  }
  #giveUpSource(): void {
    const { body = null } = this.#exchange.request
    if (this.#sourceDone || body === null || typeof body === 'string') return
    this.#sourceDone = true
    if (!(body instanceof Uint8Array)) body.cancel()
  }
  #breakOff(what: string): void {
    this.#fail('ANSWER_MALFORMED', what)
    this.destroy()
  }
  #fail(code: UpstreamError['code'], what: string, cause?: unknown): void {
    this.#exchange.fail(this.#exchange.errorOf(code, what, cause))
  }
}

const OF_CONNECTION: ReadonlySet<string> = new Set([
  ...['host', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'],
])

/** Status, headers without it, and the length that they declare; -1 where none is. */
function split(raw: readonly string[]): { status: number; headers: string[]; length: number } {
  const headers: string[] = []
  let status = 0
  let length = -1
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    if (name === ':status') status = Number(value)
    else if (!name.startsWith(':')) headers.push(name, value)
    if (name === 'content-length') length = Number(value)
  }
  return { status, headers, length }
}

/** The authority as the head of HTTP/1.1 says it, where the request names none. */
function authorityIn(head: string): string {
  const start = head.indexOf('\r\nhost: ') + '\r\nhost: '.length
  return head.slice(start, head.indexOf('\r\n', start))
}
