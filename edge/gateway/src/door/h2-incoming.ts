import type { ServerHttp2Stream } from 'node:http2'
import { BODY_BYTES_PER_SECOND_MIN, BODY_GRACE_MS, REQUEST_TIMEOUT_MS } from '../limits.ts'
import type { BodyReader, Incoming } from './asked.ts'
import type { CoarseClock } from './coarse-clock.ts'
import type { H2Head } from './h2-head.ts'

const NOBODY: BodyReader = { data: () => {}, end: () => {}, gone: () => {} }

/** What a request needs of the connection that it came with. */
interface Source {
  readonly clock: CoarseClock
  /** Bytes of a body have been taken. */
  took(bytes: number): void
}

/**
 * A request of HTTP/2. Its body waits in the stream until somebody reads it: not more than its window, since the client
 * gets a new one only for what was taken.
 */
export class H2Incoming implements Incoming {
  readonly version = '2' as const
  readonly upgrade: undefined
  readonly #head: H2Head
  readonly #stream: ServerHttp2Stream
  readonly #source: Source
  #reader: BodyReader | undefined
  #listening = false
  #paused = true
  #gone: 'closed' | 'broken' | 'slow' | undefined
  complete: boolean
  #bytes = 0
  readonly #startedAt: number
  #pausedAt: number
  /** Since when the client is what is waited for. */
  #waitsSince: number
  /** How long it was not, before. */
  #heldMs = 0
  /** How long the body may pause; `undefined`: it has to come at a rate, and within a time. */
  #pauseMsMax: number | undefined

  constructor(head: H2Head, stream: ServerHttp2Stream, source: Source) {
    this.#head = head
    this.#stream = stream
    this.#source = source
    const { clock } = source
    this.complete = head.length === 0
    this.#startedAt = clock.now
    this.#pausedAt = clock.now
    this.#waitsSince = clock.now
  }
  get method(): string {
    return this.#head.method
  }
  get target(): string {
    return this.#head.target
  }
  get headers(): readonly string[] {
    return this.#head.headers
  }
  get length(): number | undefined {
    return this.#head.length
  }
  get expectsContinue(): boolean {
    return this.#head.expectsContinue
  }
  header(name: string): string | undefined {
    const { headers } = this.#head
    for (let i = 0; i + 1 < headers.length; i += 2) if (headers[i] === name) return headers[i + 1]
    return undefined
  }

  read(reader: BodyReader): void {
    this.#reader = reader
    if (this.#gone !== undefined) reader.gone(this.#gone)
    else if (this.complete) reader.end()
    else {
      if (!this.#listening) this.#stream.on('data', onData)
      this.#listening = true
      this.resume()
    }
  }
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#pausedAt = this.#source.clock.now
    this.#stream.pause()
  }
  resume(): void {
    if (!this.#paused || this.#reader === undefined) return
    this.#paused = false
    const { now } = this.#source.clock
    this.#heldMs += now - this.#pausedAt
    this.#waitsSince = now
    this.#stream.resume()
  }
  discard(): void {
    if (this.#gone !== undefined || this.complete) return
    this.read(NOBODY)
  }
  allowPauses(msMax: number): void {
    this.#pauseMsMax = msMax
  }

  /* For the connection. */

  take(chunk: Buffer): void {
    this.#bytes += chunk.length
    this.#waitsSince = this.#source.clock.now
    this.#source.took(chunk.length)
    if (chunk.length > 0) this.#reader?.data(chunk)
  }
  ended(): void {
    if (this.complete || this.#gone !== undefined) return
    const { length = this.#bytes } = this
    if (this.#bytes !== length) {
      this.fail('broken')
      return
    }
    this.complete = true
    this.#reader?.end()
  }
  /** There will be no more. */
  fail(why: 'closed' | 'broken' | 'slow'): void {
    if (this.complete || this.#gone !== undefined) return
    this.#gone = why
    this.#reader?.gone(why)
  }
  /** Whether the client does not keep up; only the time that it takes itself counts, but for the longest of all. */
  isSlow(now: number): boolean {
    if (this.complete || this.#gone !== undefined) return false
    if (this.#pauseMsMax !== undefined)
      return !this.#paused && now - this.#waitsSince > this.#pauseMsMax
    if (now - this.#startedAt > REQUEST_TIMEOUT_MS) return true
    if (this.#paused) return false
    if (now - this.#waitsSince > BODY_GRACE_MS) return true
    const seconds = (now - this.#startedAt - this.#heldMs - BODY_GRACE_MS) / 1000
    return this.#bytes < seconds * BODY_BYTES_PER_SECOND_MIN
  }
}

/** By which listeners find the request of a stream: one set of them for all streams. */
export const INCOMING: unique symbol = Symbol('incoming')
export interface Asking extends ServerHttp2Stream {
  [INCOMING]?: H2Incoming
}
function onData(this: Asking, chunk: Buffer): void {
  this[INCOMING]?.take(chunk)
}
