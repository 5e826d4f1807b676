import { constants, performServerHandshake, type ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { ConnectionFacts } from '../exchange.ts'
import {
  H2_CONNECTION_WINDOW_BYTES,
  H2_CALM_MS,
  H2_SESSION,
  HEADER_BYTES_MAX,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LINGER_MS_MAX,
} from '../limits.ts'
import { answerBrokenWith, type Broken, refusalOf } from './broken-bytes.ts'
import type { CoarseClock } from './coarse-clock.ts'
import type { Connection, DoorSide } from './connection.ts'
import { H2Budget } from './h2-budget.ts'
import { readH2Head } from './h2-head.ts'
import { type Asking, H2Incoming, INCOMING } from './h2-incoming.ts'
import { H2Reply } from './h2-reply.ts'

/*
 * One connection of HTTP/2 (RFC 9113). Node's engine reads frames and keeps to windows; here:
 *
 * 1. a stream becomes a request, or is answered 400 where its head breaks a rule that the engine lets pass
 * 2. its answer goes out on it; what happens to one stream is no business of the others
 * 3. what costs us more than the client is counted (h2-budget.ts): over it the connection ends with ENHANCE_YOUR_CALM
 * 4. to end, the client is told the last request that counts, so that it can send others elsewhere
 */
export class H2Connection implements Connection {
  readonly #door: DoorSide
  readonly #socket: TLSSocket
  readonly #facts: ConnectionFacts
  readonly #session: ServerHttp2Session
  readonly #streams = new Map<Asking, H2Reply>()
  readonly #budget = new H2Budget()
  #state: 'open' | 'draining' | 'ending' | 'over' = 'open'
  /** When the last answer left, or all began; while ending, when that began. */
  #since: number
  #sweptAt: number
  #served = false
  /** What was read at the last sweep, and what of it heads and bodies may have taken since. */
  #bytesRead: number
  #useful = 0

  constructor(socket: TLSSocket, facts: ConnectionFacts, door: DoorSide) {
    this.#door = door
    this.#socket = socket
    this.#facts = facts
    this.#since = door.clock.now
    this.#sweptAt = door.clock.now
    this.#bytesRead = socket.bytesRead
    this.#session = performServerHandshake(socket, H2_SESSION)
    this.#session.setLocalWindowSize(H2_CONNECTION_WINDOW_BYTES)
    this.#session
      .on('stream', (stream, _fields, flags, raw) => this.#begin(stream, flags, raw))
      .on('ping', () => this.#control())
      .on('remoteSettings', () => this.#control())
      .on('error', (error: NodeJS.ErrnoException) => this.#failed(error))
      .on('close', () => this.#gone())
  }

  /* From the door. */

  get idle(): boolean {
    return this.#streams.size === 0
  }
  drain(): void {
    if (this.#state !== 'open') return
    this.#state = 'draining'
    // What is on its way is still answered; the client sends no more here (RFC 9113 section 6.8).
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM)
  }
  end(): void {
    if (this.#state === 'ending' || this.#state === 'over') return
    this.#state = 'ending'
    this.#since = this.#door.clock.now
    this.#session.close()
  }
  destroy(): void {
    this.#session.destroy()
    this.#socket.destroy()
  }
  sweep(): void {
    const { now } = this.#door.clock
    const waitedMs = now - this.#since
    if (this.#state === 'over') {
      // The engine has said its last word, and the client does not go.
      if (waitedMs >= LINGER_MS_MAX && this.#session.destroyed) this.#socket.destroy()
    } else if (this.#state === 'ending') {
      if (waitedMs >= LINGER_MS_MAX) this.destroy()
    } else if (!this.#passes(now)) this.#calm('more frames than its requests need')
    else if (this.#streams.size === 0) {
      if (waitedMs >= (this.#served ? KEEP_ALIVE_TIMEOUT_MS : HEADERS_TIMEOUT_MS)) this.end()
    } else this.#sweepStreams(now)
  }

  /* From the engine. */

  #begin(stream: Asking, flags: number, raw: readonly string[]): void {
    if (stream.destroyed || stream.closed || this.#state === 'over') {
      if (!this.#budget.reset()) this.#calm('streams that are taken back')
      return
    }
    const isAll = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    const head = readH2Head(raw, isAll)
    this.#served = true
    this.#useful += HEADER_BYTES_MAX
    if ('kind' in head) {
      this.#refuse(stream, head)
      return
    }
    const incoming = new H2Incoming(head, stream, this)
    const reply = new H2Reply(incoming, stream, this.#door.clock)
    this.#streams.set(stream, reply)
    this.#listen(stream, incoming)
    this.#door.serve(incoming, reply, this.#facts)
  }
  #listen(stream: Asking, incoming: H2Incoming): void {
    const own: Owned = stream
    own[INCOMING] = incoming
    own[CONNECTION] = this
    stream.on('end', onEnd).on('drain', onDrain).on('wantTrailers', onWantTrailers)
    stream.on('aborted', onAborted).on('error', onError).on('close', onClose)
  }
  /** A head that is none. Its answer tells; the rest of the stream does not matter. */
  #refuse(stream: Asking, broken: Broken): void {
    const requestId = this.#door.broken(broken, this.#facts)
    const { status, flat, bytes } = answerBrokenWith(refusalOf(broken), requestId)
    stream.on('error', onError)
    stream.respond([':status', String(status), ...flat])
    stream.end(bytes)
    stream.close(constants.NGHTTP2_NO_ERROR)
    if (!this.#budget.reset()) this.#calm('heads that are none')
  }
  #control(): void {
    if (!this.#budget.control()) this.#calm('PING or SETTINGS')
  }
  /** Whether what has come is in proportion to what was asked. */
  #passes(now: number): boolean {
    const read = this.#socket.bytesRead
    const overhead = read - this.#bytesRead - this.#useful
    const seconds = (now - this.#sweptAt) / 1000
    this.#bytesRead = read
    this.#useful = 0
    this.#sweptAt = now
    return this.#budget.pass(seconds, overhead)
  }
  #sweepStreams(now: number): void {
    for (const [stream, reply] of this.#streams) {
      if (reply.isStalled(now)) stream.close(constants.NGHTTP2_CANCEL)
      else if (!reply.incoming.isSlow(now)) continue
      else if (reply.headSent) stream.close(constants.NGHTTP2_CANCEL)
      else reply.incoming.fail('slow')
    }
  }
  /** Whoever costs more than it asks for (RFC 9113 section 10.5). */
  #calm(what: string): void {
    if (this.#state === 'over') return
    this.#over()
    const rule = `http/2: ${what}: too many`
    this.#door.broken({ kind: 'malformed', rule }, this.#facts)
    const code = constants.NGHTTP2_ENHANCE_YOUR_CALM
    this.#session.goaway(code)
    // Later, so that it leaves also where something else is on its way out.
    setTimeout(() => this.#session.destroy(new Error(rule), code), H2_CALM_MS).unref()
  }
  /** The engine has given up: frames that are none, or more than it bears. */
  #failed(error: NodeJS.ErrnoException): void {
    if (this.#state === 'over' || !/^ERR_HTTP2/.test(error.code ?? '')) return
    this.#over()
    this.#door.broken({ kind: 'malformed', rule: `http/2: ${error.code}` }, this.#facts)
  }
  #over(): void {
    this.#state = 'over'
    this.#since = this.#door.clock.now
  }
  #gone(): void {
    this.#over()
    for (const [, reply] of this.#streams) {
      reply.incoming.fail('closed')
      reply.settle(false)
    }
    this.#streams.clear()
    this.#door.closed(this)
  }

  /* From streams. */

  get clock(): CoarseClock {
    return this.#door.clock
  }
  replyOn(stream: Asking): H2Reply | undefined {
    return this.#streams.get(stream)
  }
  took(bytes: number): void {
    this.#useful += bytes + bytes / 8
  }
  closed(stream: Asking): void {
    const reply = this.#streams.get(stream)
    if (reply === undefined) return
    this.#streams.delete(stream)
    this.#since = this.#door.clock.now
    const whole = reply.ended && stream.rstCode === constants.NGHTTP2_NO_ERROR
    const isTakenBack = !whole && !reply.brokenOff
    reply.incoming.fail('closed')
    reply.settle(whole)
    if (isTakenBack && !this.#budget.reset()) this.#calm('streams that are taken back')
  }
}

/** No request is excluded yet. */
const LAST_STREAM = 2 ** 31 - 1

/** One set of listeners for all streams: they find theirs by the stream. */
const CONNECTION = Symbol('connection')
interface Owned extends Asking {
  [CONNECTION]?: H2Connection
}
/** Also the end of a stream that was taken back in the middle of its body, which the engine does not tell apart. */
function onEnd(this: Owned): void {
  if (this.closed || this.aborted) this[INCOMING]?.fail('closed')
  else this[INCOMING]?.ended()
}
function onDrain(this: Owned): void {
  this[CONNECTION]?.replyOn(this)?.drained()
}
function onWantTrailers(this: Owned): void {
  this[CONNECTION]?.replyOn(this)?.sendTrailers()
}
function onAborted(this: Owned): void {
  this[INCOMING]?.fail('closed')
}
function onError(): void {
  // What became of the stream is told by its close.
}
function onClose(this: Owned): void {
  this[CONNECTION]?.closed(this)
}
