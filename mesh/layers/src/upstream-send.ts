import { corkForTurn } from '@countersign/ground/http1'
import type { Socket } from 'node:net'
import { BODY_JOIN_BYTES_MAX } from './limits.ts'
import type { BodySink, BodySource } from './upstream-body.ts'
import type { UpstreamError } from './upstream-error.ts'
import type { Exchange } from './upstream-exchange.ts'
import { declaredLength, trailerSection } from './upstream-request.ts'

/** Writes a request whose body is there as a whole: head and body leave together, at the end of the turn. */
export function sendWhole(socket: Socket, head: string, body: string | Uint8Array | null): void {
  corkForTurn(socket)
  if (body === null || body.length === 0) socket.write(head, 'latin1')
  // as many bytes as characters: it is plain ASCII, and so the same in both encodings
  else if (typeof body === 'string' && Buffer.byteLength(body) === body.length)
    socket.write(head + body, 'latin1')
  else {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    if (bytes.length <= BODY_JOIN_BYTES_MAX) {
      const joined = Buffer.allocUnsafe(head.length + bytes.length)
      joined.write(head, 'latin1')
      joined.set(bytes, head.length)
      socket.write(joined)
    } else {
      socket.write(head, 'latin1')
      socket.write(bytes)
    }
  }
}

/**
 * Writes a body that comes in parts: chunked, or of the length that the request declares. What the source says after the
 * exchange is over is not heard.
 */
export class BodySender implements BodySink {
  readonly #socket: Socket
  readonly #exchange: Exchange
  readonly #source: BodySource
  /** Bytes that are still due; -1 where the body is chunked. */
  #due: number
  /** The source is through, one way or the other. */
  done = false

  constructor(socket: Socket, exchange: Exchange, source: BodySource) {
    this.#socket = socket
    this.#exchange = exchange
    this.#source = source
    this.#due = declaredLength(exchange.request)
  }

  /** Writes the head, and with it what the source has to give at once. */
  start(): void {
    this.#socket.cork()
    this.#socket.write(this.#exchange.head, 'latin1')
    try {
      this.#source.start(this)
    } catch (thrown) {
      this.fail(thrown instanceof Error ? thrown : new Error(String(thrown)))
    } finally {
      this.#socket.uncork()
    }
  }
  /** The connection takes more. */
  drained(): void {
    this.#exchange.wrote(true)
    if (!this.done) this.#source.resume()
  }
  /** The exchange is over. */
  cancel(): void {
    if (this.done) return
    this.done = true
    this.#source.cancel()
  }

  write(chunk: Uint8Array): boolean {
    if (this.done) return false
    if (chunk.length === 0) return true
    if (this.#due >= 0 && chunk.length > this.#due) {
      this.#refuse('the body is longer than declared')
      return false
    }
    const isTaken = this.#due < 0 ? this.#writeChunk(chunk) : this.#socket.write(chunk)
    if (this.#due >= 0) this.#due -= chunk.length
    this.#exchange.wrote(isTaken)
    return isTaken
  }
  end(trailers: readonly string[] = []): void {
    if (this.done) return
    if (this.#due > 0) {
      this.#refuse('the body is shorter than declared')
      return
    }
    try {
      if (this.#due < 0) this.#socket.write(`0\r\n${trailerSection(trailers)}\r\n`, 'latin1')
      this.done = true
    } catch (error) {
      this.#give(error as UpstreamError)
    }
  }
  fail(error: Error): void {
    if (this.done) return
    this.done = true
    this.#exchange.cancel(this.#exchange.errorOf('ABORTED', error.message, error))
  }

  #writeChunk(chunk: Uint8Array): boolean {
    this.#socket.cork()
    this.#socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    this.#socket.write(chunk)
    const goOn = this.#socket.write('\r\n', 'latin1')
    this.#socket.uncork()
    return goOn
  }
  #refuse(what: string): void {
    this.#give(this.#exchange.errorOf('REQUEST_INVALID', what))
  }
  #give(error: UpstreamError): void {
    this.cancel()
    this.#exchange.cancel(error)
  }
}
