import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { RequestHead } from '@countersign/ground/http1'
import type { ConnectionFacts } from '../exchange.ts'
import {
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  LINGER_BYTES_MAX,
  LINGER_MS_MAX,
  PIPELINED_MAX,
} from '../limits.ts'
import { answerBroken, type Broken, refusalOf, SLOW_HEAD } from './broken-bytes.ts'
import type { CoarseClock } from './coarse-clock.ts'
import type { Connection, DoorSide } from './connection.ts'
import { H1Answers } from './h1-answers.ts'
import { H1Incoming } from './h1-incoming.ts'
import { H1Reader } from './h1-reader.ts'
import { H1Reply } from './h1-reply.ts'
import { isSmallRest } from './small-rest.ts'

/*
 * One connection of HTTP/1.1, from its first byte after TLS to its end:
 *
 * 1. bytes become requests and their bodies; those of a body wait while nobody reads (h1-reader.ts)
 * 2. a request is served at once, also while earlier answers are owed
 * 3. answers leave in the order of their requests (h1-answers.ts)
 * 4. after the last one our side ends; what still comes is thrown away for a bounded time, or a client that is still
 *    sending would lose the answer to a reset (RFC 9112 section 9.6)
 *
 * A client that ends its side is gone, as for most servers: what it asked is given up.
 */
export class H1Connection implements Connection {
  readonly clock: CoarseClock
  readonly #door: DoorSide
  readonly #socket: TLSSocket
  readonly #facts: ConnectionFacts
  readonly #reader: H1Reader
  readonly #answers: H1Answers
  /** `last`: no request comes behind those that are there. */
  #state: 'open' | 'last' | 'ending' | 'tunnel' | 'over' = 'open'
  /** When the last answer left, or all began; while ending, when that began. */
  #since: number
  #served = false
  #dropped = 0

  constructor(socket: TLSSocket, facts: ConnectionFacts, door: DoorSide) {
    this.clock = door.clock
    this.#door = door
    this.#socket = socket
    this.#facts = facts
    this.#reader = new H1Reader(this)
    this.#answers = new H1Answers(socket, this)
    this.#since = door.clock.now
    const owned: Owned = socket
    owned[CONNECTION] = this
    socket.on('data', onData).on('end', onEnd).on('drain', onDrain)
    socket.on('error', onError).on('close', onClose)
  }

  /* From the socket. */

  take(chunk: Buffer): void {
    if (this.#state === 'open') this.#reader.take(chunk)
    else this.leftOver(chunk)
  }
  ended(): void {
    const waits = this.#answers.turn !== undefined || this.#reader.reading !== undefined
    if (waits) this.destroy()
  }
  drained(): void {
    this.#answers.drained()
  }
  gone(): void {
    if (this.#state === 'tunnel') this.#answers.turn?.settle(true)
    this.#state = 'over'
    this.#giveUp('closed')
    this.#door.closed(this)
  }

  /* From the door. */

  /** Nothing is under way. */
  get idle(): boolean {
    const waits = this.#answers.size > 0 || this.#reader.reading !== undefined
    return !waits && this.#state !== 'tunnel'
  }
  /** Its next answer says that it ends, and so does the sweep. */
  drain(): void {}
  /** Ends our side, and all soon after. */
  end(): void {
    if (this.#state === 'ending' || this.#state === 'over') return
    this.#state = 'ending'
    this.#since = this.clock.now
    this.#giveUp('closed')
    this.#socket.resume()
    this.#socket.end()
  }
  destroy(): void {
    this.#socket.destroy()
  }
  /** Once a second: whoever is too slow is cut off. */
  sweep(): void {
    const { now } = this.clock
    const { reading, hasPart, headSince } = this.#reader
    const waitedMs = now - this.#since
    if (this.#state === 'tunnel' || this.#state === 'over') return
    if (this.#state === 'ending') {
      if (waitedMs >= LINGER_MS_MAX) this.destroy()
    } else if (this.#answers.isStalled(now)) this.destroy()
    else if (reading !== undefined) {
      if (reading.isSlow(now)) this.#cutSlow(reading)
    } else if (this.#answers.size > 0) return
    else if (hasPart) {
      if (Math.min(waitedMs, now - headSince) >= HEADERS_TIMEOUT_MS) this.broken(SLOW_HEAD)
    } else if (waitedMs >= (this.#served ? KEEP_ALIVE_TIMEOUT_MS : HEADERS_TIMEOUT_MS)) this.end()
  }

  /* From the reader. */

  /**
   * An upgrade may become a tunnel, which can only begin when all that was asked before is answered; and until it is known
   * whether it does, nobody knows what comes behind it.
   */
  mayBegin(head: RequestHead): boolean {
    if (this.#answers.turn?.incoming.upgrade !== undefined) return false
    return head.upgrade === undefined || this.#answers.size === 0
  }
  begin(head: RequestHead): boolean {
    if (this.#answers.size >= PIPELINED_MAX) {
      this.#door.overPipelined(this.#facts)
      this.destroy()
      return false
    }
    this.#served = true
    const incoming = new H1Incoming(head, this)
    const reply = new H1Reply(incoming, this.#answers)
    this.#answers.add(reply)
    if (incoming.complete) this.received(incoming)
    else this.#reader.reading = incoming
    this.#door.serve(incoming, reply, this.#facts)
    return true
  }
  received(incoming: H1Incoming): void {
    this.#since = this.clock.now
    if (incoming.head.keepAlive || this.#state !== 'open') return
    this.#state = 'last'
    this.#reader.stop()
  }
  /** After these bytes nobody can know where a next request begins. */
  broken(broken: Broken): void {
    const requestId = this.#door.broken(broken, this.#facts)
    const { reading } = this.#reader
    const { turn, size } = this.#answers
    // Where an answer to an earlier request is owed, ours would be taken for that. The body's own request may have it.
    const isOwn = size === 1 && turn !== undefined && turn.incoming === reading && !turn.headSent
    if (size === 0 || isOwn)
      this.#socket.write(answerBroken(refusalOf(broken), requestId, this.clock))
    else this.destroy()
    this.#giveUp('broken')
    this.end()
  }
  leftOver(bytes: Buffer): void {
    if (this.#state === 'tunnel') this.#socket.unshift(bytes)
    else this.#dropped += bytes.length
    if (this.#dropped > LINGER_BYTES_MAX) this.destroy()
  }
  pause(): void {
    this.#socket.pause()
  }
  resume(): void {
    this.#socket.resume()
  }

  /* From requests and answers. */

  pull(): void {
    this.#reader.pull()
  }
  keeps({ incoming }: H1Reply): boolean {
    if (this.#door.draining || !incoming.head.keepAlive || incoming.failed) return false
    return incoming.complete || isSmallRest(incoming)
  }
  answered({ incoming, closes }: H1Reply): void {
    if (!closes && !incoming.complete) incoming.discard()
  }
  flushed(reply: H1Reply): void {
    if (this.#state === 'tunnel' || this.#state === 'over') return
    if (reply.closes) this.end()
    else if (this.#answers.size === 0) {
      this.#since = this.clock.now
      if (this.#reader.hasPart) this.#reader.pull()
    }
  }
  tunnel(): Duplex {
    this.#state = 'tunnel'
    const socket = this.#socket.off('data', onData).off('end', onEnd).off('drain', onDrain)
    // Until somebody listens.
    socket.pause()
    const held = this.#reader.stop()
    if (held !== undefined) socket.unshift(held)
    return socket
  }

  /** Whoever reads a body here, or has an answer to give, learns that this is over. */
  #giveUp(why: 'closed' | 'broken'): void {
    const { reading } = this.#reader
    this.#reader.stop()
    reading?.fail(why)
    this.#answers.fail()
  }
  #cutSlow(incoming: H1Incoming): void {
    const { turn } = this.#answers
    if (turn?.incoming !== incoming || turn.headSent) this.destroy()
    else incoming.fail('slow')
  }
}

/** One set of listeners for all connections: they find theirs by the socket. */
const CONNECTION = Symbol('connection')
interface Owned extends TLSSocket {
  [CONNECTION]?: H1Connection
}
function onData(this: Owned, chunk: Buffer): void {
  this[CONNECTION]?.take(chunk)
}
function onEnd(this: Owned): void {
  this[CONNECTION]?.ended()
}
function onDrain(this: Owned): void {
  this[CONNECTION]?.drained()
}
function onError(this: Owned): void {
  this.destroy()
}
function onClose(this: Owned): void {
  this[CONNECTION]?.gone()
}
