import {
  FramingError,
  isFault,
  parseRequestHead,
  type RequestHead,
} from '@countersign/ground/http1'
import { HEAD_BOUNDS, PIECES_LOOKED_AT } from '../limits.ts'
import { type Broken, CONNECT_REFUSED } from './broken-bytes.ts'
import type { CoarseClock } from './coarse-clock.ts'
import type { H1Incoming } from './h1-incoming.ts'

/** What a reader needs of its connection. */
interface Owner {
  readonly clock: CoarseClock
  /** Whether a request can begin now; where it cannot, `pull` is called when it can. */
  mayBegin(head: RequestHead): boolean
  /** Serves a request, and sets `reading` where it has a body; false: it was refused. */
  begin(head: RequestHead): boolean
  /** The last byte of a request was read. */
  received(incoming: H1Incoming): void
  broken(broken: Broken): void
  /** Bytes behind those that are read, where the reader was stopped. */
  leftOver(bytes: Buffer): void
  pause(): void
  resume(): void
}

/** The bytes of a connection become requests and their bodies. What nobody can take yet waits here. */
export class H1Reader {
  readonly #owner: Owner
  /** The request whose body comes now. */
  reading: H1Incoming | undefined
  /** When the head began that is not whole. */
  headSince = 0
  #open = true
  #consuming = false
  /** Bytes that wait: the beginning of a head, or what nobody reads yet. */
  #held: Buffer | undefined
  /** How often the head that is not whole was looked at, and how much of it there was. */
  #tries = 0
  #parsedBytes = 0

  constructor(owner: Owner) {
    this.#owner = owner
  }
  /** A head has begun and is not whole, or waits for its turn. */
  get hasPart(): boolean {
    return this.reading === undefined && this.#held !== undefined
  }
  take(chunk: Buffer): void {
    const held = this.#held
    this.#held = undefined
    if (held === undefined) this.#consume(chunk)
    else if (this.reading === undefined && this.#mayWait(held, chunk))
      this.#held = Buffer.concat([held, chunk])
    else this.#consume(Buffer.concat([held, chunk]))
  }
  /** What waits may go on. */
  pull(): void {
    if (this.#consuming || !this.#open) return
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) this.#consume(held)
    if (this.#held === undefined || this.reading?.waits !== true) this.#owner.resume()
  }
  /** Nothing more is read. Gives what waits. */
  stop(): Buffer | undefined {
    const held = this.#held
    this.#open = false
    this.#held = undefined
    this.reading = undefined
    return held
  }

  #consume(bytes: Buffer): void {
    this.#consuming = true
    let at = 0
    try {
      while (at < bytes.length && this.#open) {
        const used = this.reading === undefined ? this.#begin(bytes, at) : this.#feed(bytes, at)
        if (used === 0) break
        at += used
      }
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
      this.#owner.broken({ kind: error.kind, rule: error.rule })
    } finally {
      this.#consuming = false
    }
    if (at === bytes.length) return
    const rest = at === 0 ? bytes : bytes.subarray(at)
    if (this.#open) this.#held = rest
    else this.#owner.leftOver(rest)
  }

  /** Bytes of the body of the request; 0 where nobody takes them now. */
  #feed(bytes: Buffer, at: number): number {
    const incoming = this.reading
    if (incoming === undefined) return 0
    if (incoming.waits) {
      this.#owner.pause()
      return 0
    }
    const used = incoming.take(bytes, at)
    if (incoming.complete) this.#ends(incoming)
    return used
  }
  #ends(incoming: H1Incoming): void {
    if (this.reading === incoming) this.reading = undefined
    this.#owner.received(incoming)
  }

  /** Begins with the request whose head is there; 0 where it is not whole, or has to wait. */
  #begin(bytes: Buffer, at: number): number {
    const found = parseRequestHead(bytes, at, bytes.length, HEAD_BOUNDS)
    if (found === undefined) {
      if (this.#tries++ === 0) this.headSince = this.#owner.clock.now
      this.#parsedBytes = bytes.length - at
      return 0
    }
    this.#tries = 0
    if (isFault(found)) {
      this.#owner.broken(found)
      return 0
    }
    const { head, end } = found
    if (head.method === 'CONNECT') {
      this.#owner.broken(CONNECT_REFUSED)
      return 0
    }
    if (!this.#owner.mayBegin(head)) {
      this.#owner.pause()
      return 0
    }
    return this.#owner.begin(head) ? end - at : 0
  }
  /** A head that comes in many pieces is not looked at for each of them: no line has ended, and it has not doubled. */
  #mayWait(held: Buffer, chunk: Buffer): boolean {
    if (this.#tries < PIECES_LOOKED_AT || chunk.includes(0x0a)) return false
    const bytes = held.length + chunk.length
    return bytes < HEAD_BOUNDS.headBytesMax && bytes < 2 * this.#parsedBytes
  }
}
