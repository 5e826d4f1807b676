import {
  BodyDecoder,
  type BodySink,
  type FieldLines,
  type RequestHead,
} from '@countersign/ground/http1'
import {
  BODY_BYTES_PER_SECOND_MIN,
  BODY_GRACE_MS,
  CHUNK_EXTENSION_BYTES_MAX,
  REQUEST_TIMEOUT_MS,
  TRAILER_BYTES_MAX,
  TRAILERS_MAX,
} from '../limits.ts'
import type { BodyReader, Incoming } from './asked.ts'
import type { CoarseClock } from './coarse-clock.ts'

const BODY_BOUNDS = {
  extensionBytesMax: CHUNK_EXTENSION_BYTES_MAX,
  trailerBytesMax: TRAILER_BYTES_MAX,
  trailersMax: TRAILERS_MAX,
}
const NOBODY: BodyReader = { data: () => {}, end: () => {}, gone: () => {} }

/** What a request needs of the connection that it came with. */
interface Source {
  readonly clock: CoarseClock
  /** Bytes that wait may flow again. */
  pull(): void
}

/** A request of HTTP/1.1. Its body waits in the connection until somebody reads it. */
export class H1Incoming implements Incoming, BodySink {
  readonly head: RequestHead
  readonly #source: Source
  readonly #decoder: BodyDecoder | undefined
  #reader: BodyReader | undefined
  #paused = true
  #gone: 'closed' | 'broken' | 'slow' | undefined
  #bytes = 0
  readonly #startedAt: number
  #pausedAt: number
  /** Since when the client is what is waited for. */
  #waitsSince: number
  /** How long it was not, before. */
  #heldMs = 0

  constructor(head: RequestHead, source: Source) {
    const { kind, bytes } = head.framing
    this.head = head
    this.#source = source
    if (kind === 'chunked' || bytes > 0) this.#decoder = new BodyDecoder(head.framing, BODY_BOUNDS)
    this.#startedAt = source.clock.now
    this.#pausedAt = source.clock.now
    this.#waitsSince = source.clock.now
  }
  get method(): string {
    return this.head.method
  }
  get target(): string {
    return this.head.target
  }
  get version(): '1.0' | '1.1' {
    return this.head.minor === 1 ? '1.1' : '1.0'
  }
  get headers(): readonly string[] {
    return this.head.headers
  }
  get lines(): FieldLines | undefined {
    return this.head.lines
  }
  get length(): number | undefined {
    return this.head.framing.kind === 'chunked' ? undefined : this.head.framing.bytes
  }
  get expectsContinue(): boolean {
    return this.head.expectsContinue
  }
  get upgrade(): string | undefined {
    return this.head.upgrade
  }
  get complete(): boolean {
    return this.#decoder === undefined || this.#decoder.complete
  }
  header(name: string): string | undefined {
    const { headers } = this.head
    for (let i = 0; i + 1 < headers.length; i += 2)
      if (headers[i]?.length === name.length && headers[i]?.toLowerCase() === name)
        return headers[i + 1]
    return undefined
  }

  read(reader: BodyReader): void {
    this.#reader = reader
    if (this.#gone !== undefined) reader.gone(this.#gone)
    else if (this.complete) reader.end()
    else this.resume()
  }
  pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.#pausedAt = this.#source.clock.now
  }
  resume(): void {
    if (!this.#paused || this.#reader === undefined) return
    this.#paused = false
    const { now } = this.#source.clock
    this.#heldMs += now - this.#pausedAt
    this.#waitsSince = now
    this.#source.pull()
  }
  discard(): void {
    if (this.#gone !== undefined) return
    this.#reader = NOBODY
    this.resume()
  }

  /* For the connection. */

  /** Nobody takes the body now. */
  get waits(): boolean {
    return this.#paused
  }
  /** What is left of the body will not come. */
  get failed(): boolean {
    return this.#gone !== undefined
  }
  /** Takes bytes of the body; gives how many. Throws `FramingError`. */
  take(bytes: Buffer, from: number): number {
    const used = this.#decoder?.decode(bytes, from, bytes.length, this) ?? 0
    if (this.complete) this.#reader?.end()
    return used
  }
  data(bytes: Buffer): boolean {
    this.#bytes += bytes.length
    this.#waitsSince = this.#source.clock.now
    this.#reader?.data(bytes)
    return !this.#paused
  }
  /** There will be no more. */
  fail(why: 'closed' | 'broken' | 'slow'): void {
    if (this.complete || this.#gone !== undefined) return
    this.#gone = why
    this.#reader?.gone(why)
  }
  /** Whether the client does not keep up; only the time that it takes itself counts, but for the longest of all. */
  isSlow(now: number): boolean {
    if (now - this.#startedAt > REQUEST_TIMEOUT_MS) return true
    if (this.#paused) return false
    if (now - this.#waitsSince > BODY_GRACE_MS) return true
    const seconds = (now - this.#startedAt - this.#heldMs - BODY_GRACE_MS) / 1000
    return this.#bytes < seconds * BODY_BYTES_PER_SECOND_MIN
  }
}
