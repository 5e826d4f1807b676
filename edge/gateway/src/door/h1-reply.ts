import type { Duplex } from 'node:stream'
import { type FlatHeaders, responseHeadOf, responseHeadText } from '@countersign/ground/http1'
import { JOINED_BYTES_MAX } from '../limits.ts'
import type { AnswerLines } from './answer-lines.ts'
import type { Reply, ReplyListener } from './asked.ts'
import { chunkOf, declaredLength, isBodiless, LAST_CHUNK } from './frame-answer.ts'
import type { H1Incoming } from './h1-incoming.ts'

const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n')

/** What an answer needs of the connection that it goes out with. */
export interface Outlet {
  /** Whether it is the turn of this answer: all earlier ones are written. */
  isTurnOf(reply: H1Reply): boolean
  /** The lines that every head ends with; decides whether the connection stays, and remembers it in `closes`. */
  tailOf(reply: H1Reply): string
  /** False: no more until `drained`. */
  write(bytes: Buffer): boolean
  /** What is written until then leaves together. */
  cork(): void
  /** Nothing of this answer comes any more; it is its turn. */
  ended(reply: H1Reply): void
  tunnel(reply: H1Reply): Duplex
  destroy(): void
}

/** An answer of HTTP/1.1. Before its turn it is kept, and holds back who writes it. */
export class H1Reply implements Reply {
  readonly incoming: H1Incoming
  /** The answer that comes after this one. */
  next: H1Reply | undefined
  /** The connection ends behind it. Known from its head on. */
  closes = false
  /** It is written to its end, or kept so. */
  ended = false
  /** Number of the write, among those of the connection, behind which nothing of this answer comes. */
  lastWrite = 0
  headSent = false
  destroyed = false
  readonly #outlet: Outlet
  #listener: ReplyListener | undefined
  #kept: Buffer[] | undefined
  /** Bytes of the declared body that are to come; -1: nothing is declared. */
  #left = -1
  #chunked = false
  #bodiless = false
  #continued = false
  #over = false

  constructor(incoming: H1Incoming, outlet: Outlet) {
    this.incoming = incoming
    this.#outlet = outlet
  }

  listen(listener: ReplyListener | undefined): void {
    this.#listener = listener
    if (this.#over) this.#tell()
  }
  continue(): void {
    if (this.#continued || this.headSent || this.destroyed) return
    this.#continued = true
    this.#put(CONTINUE)
  }
  send(status: number, headers: FlatHeaders, body: Buffer | undefined): void {
    if (this.headSent || this.destroyed) return
    const declared = declaredLength(headers)
    const bodiless = isBodiless(this.incoming.method, status)
    const length = bodiless || body === undefined ? 0 : body.length
    if (!bodiless && declared !== -1 && declared !== length)
      throw new TypeError('the content-length is not that of the body')
    const frame = bodiless || declared !== -1 ? '' : `content-length: ${length}\r\n`
    const text = responseHeadText(status, headers, `${this.#outlet.tailOf(this)}${frame}\r\n`)
    this.#sendWhole(text, bodiless ? undefined : body)
  }
  sendLines(status: number, lines: AnswerLines, body: Buffer | undefined): void {
    if (this.headSent || this.destroyed) return
    const tail = `${this.#outlet.tailOf(this)}content-length: ${body?.length ?? 0}\r\n\r\n`
    this.#sendWhole(responseHeadOf(status, lines, tail), body)
  }
  head(status: number, headers: FlatHeaders): void {
    if (this.headSent || this.destroyed) return
    const declared = declaredLength(headers)
    const bodiless = isBodiless(this.incoming.method, status)
    const isOld = this.incoming.head.minor === 0
    const chunked = !bodiless && declared === -1 && !isOld
    // Behind such an answer nothing but the end of the connection tells that it is whole.
    this.closes = !bodiless && declared === -1 && isOld
    const frame = chunked ? 'transfer-encoding: chunked\r\n' : ''
    const text = responseHeadText(status, headers, `${this.#outlet.tailOf(this)}${frame}\r\n`)
    this.headSent = true
    this.#bodiless = bodiless
    this.#chunked = chunked
    this.#left = bodiless ? -1 : declared
    this.#outlet.cork()
    this.#put(Buffer.from(text, 'latin1'))
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
    return this.#put(this.#chunked ? chunkOf(chunk) : chunk)
  }
  end(last?: Buffer): void {
    if (this.ended || this.destroyed || !this.headSent) return
    if (last !== undefined) this.write(last)
    if (this.#left > 0) this.destroy()
    if (this.destroyed) return
    if (this.#chunked) this.#put(LAST_CHUNK)
    this.#end()
  }
  destroy(): void {
    if (this.#over) return
    // Earlier answers are none of its business: the connection ends when it would be its turn.
    if (this.#outlet.isTurnOf(this)) this.#outlet.destroy()
    else this.settle(false)
  }
  tunnel(status: number, headers: FlatHeaders): Duplex {
    if (this.headSent || this.destroyed || !this.#outlet.isTurnOf(this))
      throw new TypeError('this answer cannot become a tunnel')
    this.headSent = true
    this.#put(Buffer.from(responseHeadText(status, headers, '\r\n'), 'latin1'))
    return this.#outlet.tunnel(this)
  }

  /* For the connection. */

  /** It is the turn of this answer: what was kept goes out. */
  begin(): void {
    if (this.destroyed) {
      this.#outlet.destroy()
      return
    }
    const kept = this.#kept
    this.#kept = undefined
    if (kept !== undefined && kept.length > 0)
      this.#outlet.write(kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept))
    if (this.ended) this.#outlet.ended(this)
    else if (kept !== undefined) this.#listener?.drained()
  }
  drained(): void {
    if (!this.ended) this.#listener?.drained()
  }
  /** The end, in one way or the other. */
  settle(whole: boolean): void {
    if (this.#over) return
    this.#over = true
    this.destroyed = !whole
    this.#kept = undefined
    this.#tell()
  }

  #tell(): void {
    this.#listener?.closed(!this.destroyed)
    this.#listener = undefined
  }
  #sendWhole(head: string, body: Buffer | undefined): void {
    this.headSent = true
    if (body === undefined || body.length === 0) this.#put(Buffer.from(head, 'latin1'))
    else if (body.length > JOINED_BYTES_MAX) {
      this.#outlet.cork()
      this.#put(Buffer.from(head, 'latin1'))
      this.#put(body)
    } else {
      const bytes = Buffer.allocUnsafe(head.length + body.length)
      bytes.write(head, 0, 'latin1')
      body.copy(bytes, head.length)
      this.#put(bytes)
    }
    this.#end()
  }
  #put(bytes: Buffer): boolean {
    if (this.#outlet.isTurnOf(this)) return this.#outlet.write(bytes)
    this.#kept ??= []
    this.#kept.push(bytes)
    return false
  }
  #end(): void {
    this.ended = true
    if (this.#outlet.isTurnOf(this)) this.#outlet.ended(this)
  }
}
