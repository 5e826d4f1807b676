import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Duplex } from 'node:stream'
import type { FlatHeaders } from '@countersign/ground/http1'
import { SEND_STALL_MS } from '../limits.ts'
import type { Reply, ReplyListener } from './asked.ts'
import type { CoarseClock } from './coarse-clock.ts'
import { isBodiless } from './frame-answer.ts'
import { answerHead, trailerFields } from './h2-answer-head.ts'
import type { H2Incoming } from './h2-incoming.ts'

/**
 * An answer of HTTP/2: one stream, at the pace that its own window allows. The end of an answer is the end of the stream:
 * what is left of the request's body is not wanted any more, and the client is told so (RFC 9113 section 8.1).
 */
export class H2Reply implements Reply {
  readonly incoming: H2Incoming
  headSent = false
  /** It is written to its end. */
  ended = false
  /** We have broken it off; no fault of the client. */
  brokenOff = false
  readonly #stream: ServerHttp2Stream
  readonly #clock: CoarseClock
  #listener: ReplyListener | undefined
  #continued = false
  /** Bytes of the declared body that are to come; -1: nothing is declared. */
  #left = -1
  #bodiless = false
  #trailers: ReturnType<typeof trailerFields> = NO_TRAILERS
  #over: 'whole' | 'broken' | undefined
  /** Writes that have not left, and when the latest did. */
  #pending = 0
  #progressAt = 0
  readonly #onWritten = (): void => {
    this.#pending--
    this.#progressAt = this.#clock.now
  }

  constructor(incoming: H2Incoming, stream: ServerHttp2Stream, clock: CoarseClock) {
    this.incoming = incoming
    this.#stream = stream
    this.#clock = clock
  }
  get destroyed(): boolean {
    return this.#over === 'broken' || (this.#over === undefined && this.#stream.destroyed)
  }
  listen(listener: ReplyListener | undefined): void {
    this.#listener = listener
    if (this.#over !== undefined) this.#tell()
  }
  continue(): void {
    if (this.#continued || !this.#mayBegin) return
    this.#continued = true
    this.#stream.additionalHeaders({ ':status': 100 })
  }
  send(status: number, headers: FlatHeaders, body: Buffer | undefined): void {
    if (!this.#mayBegin) return
    const { list, length } = answerHead(status, headers)
    const bodiless = isBodiless(this.incoming.method, status)
    const bytes = bodiless || body === undefined ? 0 : body.length
    if (!bodiless && length !== -1 && length !== bytes)
      throw new TypeError('the content-length is not that of the body')
    if (!bodiless && length === -1 && body !== undefined) list.push('content-length', String(bytes))
    this.headSent = true
    this.ended = true
    this.#progressAt = this.#clock.now
    this.#stream.respond(list, { endStream: bytes === 0 })
    if (bytes > 0) this.#stream.end(body)
    this.#finish()
  }
  head(status: number, headers: FlatHeaders): void {
    if (!this.#mayBegin) return
    const { list, length } = answerHead(status, headers)
    this.headSent = true
    this.#bodiless = isBodiless(this.incoming.method, status)
    this.#left = this.#bodiless ? -1 : length
    this.#progressAt = this.#clock.now
    this.#stream.respond(list, this.#bodiless ? { endStream: true } : { waitForTrailers: true })
  }
  write(chunk: Buffer): boolean {
    if (!this.headSent || this.ended || this.destroyed || this.#bodiless || chunk.length === 0)
      return true
    if (this.#left !== -1) {
      if (chunk.length > this.#left) {
        this.destroy()
        return true
      }
      this.#left -= chunk.length
    }
    if (this.#pending === 0) this.#progressAt = this.#clock.now
    this.#pending++
    return this.#stream.write(chunk, this.#onWritten)
  }
  trailers(trailers: FlatHeaders): void {
    this.#trailers = trailerFields(trailers)
  }
  end(last?: Buffer): void {
    if (this.ended || this.destroyed || !this.headSent) return
    if (last !== undefined) this.write(last)
    if (this.#left > 0) this.destroy()
    if (this.destroyed) return
    this.ended = true
    this.#progressAt = this.#clock.now
    if (!this.#bodiless) this.#stream.end()
    else this.#finish()
  }
  destroy(): void {
    if (this.#over !== undefined) return
    this.brokenOff = true
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    this.settle(false)
  }
  tunnel(): Duplex {
    throw new TypeError('HTTP/2 has no change of protocol')
  }

  /* For the connection. */

  drained(): void {
    if (!this.ended) this.#listener?.drained()
  }
  /** The body has left, and what comes behind it may. */
  sendTrailers(): void {
    if (this.#stream.destroyed || this.#stream.closed) return
    this.#stream.sendTrailers(this.#trailers)
    // A reset within the same turn would overtake them.
    if (!this.incoming.complete) setImmediate(() => this.#finish())
  }
  /** Whether the client takes nothing of what was written. */
  isStalled(now: number): boolean {
    return (this.#pending > 0 || this.ended) && now - this.#progressAt > SEND_STALL_MS
  }
  /** The end, in one way or the other. */
  settle(whole: boolean): void {
    if (this.#over !== undefined) return
    this.#over = whole ? 'whole' : 'broken'
    this.#tell()
  }

  get #mayBegin(): boolean {
    return !this.headSent && !this.destroyed && !this.#stream.closed
  }
  #tell(): void {
    this.#listener?.closed(this.#over === 'whole')
    this.#listener = undefined
  }
  /** What is left of the request is not wanted. Waits until the answer is out. */
  #finish(): void {
    if (!this.incoming.complete) this.#stream.close(constants.NGHTTP2_NO_ERROR)
  }
}
const NO_TRAILERS: ReturnType<typeof trailerFields> = Object.create(null)
