import type { Socket } from 'node:net'
import { messageOf } from '@countersign/ground/errors'
import { isFault, parseResponseHead, type ResponseHead } from '@countersign/ground/http1'
import { IDLE_MS_MAX, INTERIM_ANSWERS_MAX, RESPONSE_HEAD_BOUNDS } from './limits.ts'
import { BodyReader } from './upstream-body-reader.ts'
import { UpstreamError } from './upstream-error.ts'
import type { Exchange } from './upstream-exchange.ts'
import { keepMsOf } from './upstream-keep-alive.ts'
import { BodySender, sendWhole } from './upstream-send.ts'
import { TornHead } from './upstream-torn-head.ts'
import { Tunnel } from './upstream-tunnel.ts'

/** Who has the connections. */
export interface ConnectionOwner {
  /** An answer has come whole, and the connection can carry another request once it has proven quiet. */
  answered(connection: Connection): void
  /** It speaks another protocol now, and will carry no further request. */
  handedOver(connection: Connection): void
  /** Bytes came that nobody had asked for. */
  unasked(): void
  /** It has ended. */
  gone(connection: Connection): void
}

/*
 * One connection. It carries one request at a time:
 *
 *  1. `send` writes the request; a body that comes in parts follows at its pace (BodySender)
 *  2. interim answers are told and counted; the final head says where the body ends
 *  3. the body goes to the receiver as it comes; a receiver that has enough stops the reading
 *  4. behind the last byte of the answer there must be nothing: the connection goes back to its owner, who gives it a new
 *     request only after all that had arrived has been read
 *
 * Bytes that no request asked for end the connection, and are not looked at; nor are those that come before a request has
 * left. So does a fault of the answer, an answer that is complete before its request is, and whatever else leaves doubt
 * about what the next byte means.
 */
export class Connection {
  readonly #owner: ConnectionOwner
  #socket: Socket | undefined
  #exchange: Exchange | undefined
  #sender: BodySender | undefined
  #tunnel: Tunnel | undefined
  #head: ResponseHead | undefined
  #torn: TornHead | undefined
  #interim = 0
  readonly #body = new BodyReader()
  #paused = false
  /** What was decrypted already when the receiver had enough; as much as one read of the socket at most. */
  #held: Buffer | undefined
  #error: Error | undefined
  closed = false
  /** No further request. */
  retiring = false
  /** How long the other side keeps it open without a request, less a margin. */
  keepMs = IDLE_MS_MAX
  /** When it has been idle for too long, in milliseconds of `performance.now()`. */
  expiresAt = 0
  /** The process may end while it is idle. */
  unwatched = false

  constructor(owner: ConnectionOwner) {
    this.#owner = owner
  }

  /** The socket has proven what it leads to. */
  open(socket: Socket): void {
    this.#socket = socket
    socket
      .on('drain', () => this.#sender?.drained())
      .on('end', () => this.#onEnd())
      .on('error', (error) => {
        this.#error = error
      })
      .on('close', () => this.#onClose())
  }
  /** Whether it can take a request at once. */
  isReady(now: number): boolean {
    return !this.closed && now < this.expiresAt && this.#socket?.destroyed === false
  }

  // 1. out

  send(exchange: Exchange): void {
    const socket = this.#socket
    if (socket === undefined) return
    if (this.unwatched) {
      this.unwatched = false
      socket.ref()
    }
    this.#exchange = exchange
    this.#interim = 0
    exchange.connection = this
    exchange.sent = true
    const { body = null } = exchange.request
    if (body === null || typeof body === 'string' || body instanceof Uint8Array)
      sendWhole(socket, exchange.head, body)
    else {
      this.#sender = new BodySender(socket, exchange, body)
      this.#sender.start()
    }
  }

  // 2. in

  /** Takes what was read; the bytes are overwritten afterwards. False stops the reading. */
  read(size: number, buffer: Buffer): boolean {
    if (this.closed) return true
    if (this.#tunnel !== undefined)
      return this.#tunnel.takeIn(Buffer.from(buffer.subarray(0, size)))
    try {
      this.#take(buffer, 0, size)
    } catch (thrown) {
      // a broken framing, or a receiver that has thrown; without a request nobody could be told of it
      if (this.#exchange === undefined) throw thrown
      this.#breakOff(thrown)
    }
    return !this.#paused
  }
  #take(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to && !this.closed && this.#tunnel === undefined) {
      const exchange = this.#exchange
      if (exchange === undefined) {
        this.#owner.unasked()
        this.destroy()
      } else if (this.#paused) at = this.#hold(bytes, at, to)
      else if (this.#head !== undefined) at = this.#takeBody(exchange, bytes, at, to)
      else if (this.#torn === undefined && this.#isUnsent()) this.#refuseUnasked(exchange)
      else if (this.#torn === undefined) at = this.#takeHead(exchange, bytes, at, to)
      else {
        const torn = this.#torn
        const isWhole = torn.add(bytes, at, to)
        at = to
        if (!isWhole) continue
        this.#torn = undefined
        this.#take(torn.bytes, 0, torn.length)
      }
    }
  }
  /** Until its turn of the event loop ends, a request waits to leave; see `corkForTurn`. */
  #isUnsent(): boolean {
    return (this.#socket?.writableCorked ?? 0) > 0
  }
  /** Whatever this answers, it is not that request, which never leaves now and may be sent elsewhere. */
  #refuseUnasked(exchange: Exchange): void {
    this.#owner.unasked()
    exchange.sent = false
    this.destroy(exchange.errorOf('CONNECTION_LOST', 'an answer came that nobody had asked for'))
  }
  #takeHead(exchange: Exchange, bytes: Buffer, from: number, to: number): number {
    const { method } = exchange.request
    const found = parseResponseHead(bytes, from, to, RESPONSE_HEAD_BOUNDS, method)
    if (found === undefined) {
      this.#torn = new TornHead(bytes, from, to)
      return to
    }
    if (isFault(found)) {
      this.#breakOff(new Error(found.rule))
      return to
    }
    const { head, end } = found
    if (head.status >= 200) this.#begin(exchange, head)
    else if (head.status !== 101) this.#tellInterim(exchange, head)
    else {
      this.#upgrade(exchange, head, Buffer.from(bytes.subarray(end, to)))
      return to
    }
    return end
  }
  #tellInterim(exchange: Exchange, { status, headers }: ResponseHead): void {
    if (++this.#interim > INTERIM_ANSWERS_MAX) this.#breakOff(new Error('too many interim answers'))
    else exchange.receiver.informational?.(status, headers)
  }
  #begin(exchange: Exchange, head: ResponseHead): void {
    this.#head = head
    exchange.answered = true
    exchange.progress()
    this.#body.begin(head.framing)
    const { status, headers, lines } = head
    const goOn = exchange.receiver.head(status, headers, () => this.#resume(exchange), lines)
    if (this.#exchange !== exchange) return
    if (this.#body.complete) this.#complete(exchange)
    else if (!goOn) this.#pause(exchange)
  }

  // 3. the body

  #takeBody(exchange: Exchange, bytes: Buffer, from: number, to: number): number {
    const end = from + this.#body.read(bytes, from, to)
    const piece = this.#body.takePiece()
    const goOn = piece === undefined || exchange.receiver.data(piece)
    if (this.#exchange !== exchange) return end
    if (this.#body.complete) this.#complete(exchange)
    else if (goOn) exchange.progress()
    else this.#pause(exchange)
    return end
  }

  #hold(bytes: Buffer, from: number, to: number): number {
    const rest = bytes.subarray(from, to)
    this.#held = this.#held === undefined ? Buffer.from(rest) : Buffer.concat([this.#held, rest])
    return to
  }
  #pause(exchange: Exchange): void {
    this.#paused = true
    exchange.rest()
  }
  #resume(exchange: Exchange): void {
    if (!this.#paused || this.#exchange !== exchange) return
    this.#paused = false
    exchange.progress()
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.read(held.length, held)
    if (!this.#paused && !this.closed) this.#socket?.resume()
  }

  // 4. the end

  #complete(exchange: Exchange): void {
    const unsent = this.#sender?.done === false || this.#socket?.writableNeedDrain === true
    const head = this.#head
    this.#forget()
    if (head?.keepAlive !== true || unsent || this.retiring) this.destroy()
    else {
      this.keepMs = keepMsOf(head.headers)
      this.#owner.answered(this)
    }
    exchange.end(this.#body.trailers)
  }
  #upgrade(exchange: Exchange, { status, headers }: ResponseHead, firstBytes: Buffer): void {
    const { receiver, request } = exchange
    const socket = this.#socket
    if (request.upgrade === undefined || receiver.upgraded === undefined || socket === undefined) {
      this.#breakOff(new Error('a 101 that nobody asked for'))
      return
    }
    this.#forget()
    this.#tunnel = new Tunnel(socket)
    socket.once('close', exchange.handOver())
    this.#owner.handedOver(this)
    receiver.upgraded(status, headers, this.#tunnel, firstBytes)
  }
  /** The other side will send no more: the end of an answer that has no other. */
  #onEnd(): void {
    const exchange = this.#exchange
    if (this.#tunnel !== undefined) this.#tunnel.over()
    else if (
      exchange !== undefined &&
      this.#head !== undefined &&
      this.#body.isEndless &&
      !this.#held
    )
      this.#complete(exchange)
    // what runs here fails when it is closed
    else this.#socket?.destroy()
  }
  #onClose(): void {
    this.closed = true
    this.#tunnel?.over(this.#error)
    const exchange = this.#exchange
    this.#forget()
    this.#owner.gone(this)
    if (exchange !== undefined) exchange.fail(this.#lossOf(exchange))
  }
  #lossOf(exchange: Exchange): UpstreamError {
    const error = this.#error
    const code = error instanceof UpstreamError ? error.code : 'CONNECTION_LOST'
    const what = error === undefined ? 'the connection ended before the answer' : messageOf(error)
    return exchange.errorOf(code, what, error)
  }
  #breakOff(thrown: unknown): void {
    const exchange = this.#exchange
    this.destroy()
    exchange?.fail(exchange.errorOf('ANSWER_MALFORMED', messageOf(thrown), thrown))
  }
  /** Nothing is to be expected of it for now: it keeps no process alive. */
  unwatch(): void {
    this.unwatched = true
    this.#socket?.unref()
  }
  /** Ends the connection at once. What runs on it is the caller's business, or fails as `error` says. */
  destroy(error?: UpstreamError): void {
    if (error === undefined) this.#forget()
    this.closed = true
    this.#socket?.destroy(error)
  }
  #forget(): void {
    this.#sender?.cancel()
    this.#sender = undefined
    this.#exchange = undefined
    this.#head = undefined
    this.#torn = undefined
    this.#held = undefined
    this.#paused = false
  }
}
