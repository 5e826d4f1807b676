import { CHUNK, ChunkLine } from './chunk-line.ts'
import type { FlatHeaders, Framing } from './message.ts'
import { Trailers } from './trailers.ts'

/** Takes a body piece by piece. */
export interface BodySink {
  /** Never empty. Return false to get nothing more of these bytes: `decode` stops behind the piece. */
  data(bytes: Buffer): boolean
}

export interface BodyBounds {
  /** Of all chunks of a body together. */
  readonly extensionBytesMax: number
  readonly trailerBytesMax: number
  readonly trailersMax: number
}

/**
 * Takes the body of one message out of the bytes of a connection (RFC 9112 sections 6 and 7.1), however they are cut.
 * Trailers are held to the rules of headers, and told apart from them: nothing they say becomes part of the head.
 */
export class BodyDecoder {
  readonly #kind: Framing['kind']
  readonly #bounds: BodyBounds
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left: number
  #line: ChunkLine | undefined
  #trailers: Trailers | undefined
  #complete: boolean

  constructor(framing: Framing, bounds: BodyBounds) {
    this.#kind = framing.kind
    this.#bounds = bounds
    this.#left = framing.kind === 'length' ? framing.bytes : 0
    this.#complete = framing.kind === 'none' || (framing.kind === 'length' && this.#left === 0)
    if (framing.kind === 'chunked') this.#line = new ChunkLine(bounds.extensionBytesMax)
  }
  /** The body is whole, and what follows is not of it. Never for a body that ends with its connection: see `finish`. */
  get complete(): boolean {
    return this.#complete
  }

  /** What came behind the last chunk, once the body is complete; `undefined` where nothing did. */
  get trailers(): FlatHeaders | undefined {
    const headers = this.#trailers?.headers
    return headers === undefined || headers.length === 0 ? undefined : headers
  }

  /** Gives the number of bytes that belong to the body's framing. Throws `FramingError`. */
  decode(chunk: Buffer, from: number, to: number, sink: BodySink): number {
    if (this.#complete) return 0
    if (this.#line !== undefined) return this.#decodeChunks(this.#line, chunk, from, to, sink)
    const piece = this.#kind === 'close' ? to - from : Math.min(this.#left, to - from)
    if (piece > 0) this.#give(chunk, from, piece, sink)
    if (this.#kind === 'length' && this.#left === 0) this.#complete = true
    return piece
  }

  /** The connection ended. Whether the body is whole. */
  finish(): boolean {
    if (this.#kind === 'close') this.#complete = true
    return this.#complete
  }

  #decodeChunks(line: ChunkLine, chunk: Buffer, from: number, to: number, sink: BodySink): number {
    let at = from
    while (at < to) {
      if (this.#trailers !== undefined) {
        at += this.#trailers.read(chunk, at, to)
        this.#complete = this.#trailers.complete
        if (this.#complete) break
      } else if (this.#left > 0) {
        const piece = Math.min(this.#left, to - at)
        at += piece
        if (!this.#give(chunk, at - piece, piece, sink)) break
      } else {
        at = line.read(chunk, at, to)
        if (line.state !== CHUNK.data) continue
        this.#left = line.size
        line.expectEnd()
        if (line.size === 0) this.#trailers = new Trailers(this.#bounds)
      }
    }
    return at - from
  }

  #give(chunk: Buffer, from: number, bytes: number, sink: BodySink): boolean {
    this.#left -= bytes
    if (this.#kind === 'length' && this.#left === 0) this.#complete = true
    const all = from === 0 && bytes === chunk.length
    return sink.data(all ? chunk : chunk.subarray(from, from + bytes))
  }
}
