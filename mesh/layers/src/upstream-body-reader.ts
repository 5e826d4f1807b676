import { BodyDecoder, type FlatHeaders, type Framing } from '@countersign/ground/http1'
import { RESPONSE_BODY_BOUNDS } from './limits.ts'

/**
 * Takes the bodies of answers out of what a connection reads, one after the other. What is read comes in bytes that are
 * overwritten by the next read, so each piece is a copy.
 */
export class BodyReader {
  complete = true
  /** Known once the body is complete. */
  trailers: FlatHeaders | undefined
  #kind: Framing['kind'] = 'none'
  /** Bytes of a body of known length that are still to come. */
  #due = 0
  #decoder: BodyDecoder | undefined
  #piece: Buffer | undefined
  #pieceBytes = 0
  #pieceBytesMax = 0

  begin(framing: Framing): void {
    this.#kind = framing.kind
    this.#due = framing.bytes
    this.#decoder =
      framing.kind === 'chunked' ? new BodyDecoder(framing, RESPONSE_BODY_BOUNDS) : undefined
    this.trailers = undefined
    this.complete = framing.kind === 'none' || (framing.kind === 'length' && framing.bytes === 0)
  }
  /** Whether the body ends where its connection does. */
  get isEndless(): boolean {
    return this.#kind === 'close'
  }

  /** Gives the number of bytes that are of the body; what they say is in `takePiece`. Throws `FramingError`. */
  read(bytes: Buffer, from: number, to: number): number {
    if (this.#decoder !== undefined) return this.#decode(this.#decoder, bytes, from, to)
    const size = this.#kind === 'close' ? to - from : Math.min(to - from, this.#due)
    this.#piece = Buffer.allocUnsafe(size)
    this.#pieceBytes = size
    bytes.copy(this.#piece, 0, from, from + size)
    if (this.#kind === 'length') {
      this.#due -= size
      this.complete = this.#due === 0
    }
    return size
  }
  /** What was read last. */
  takePiece(): Buffer | undefined {
    const piece = this.#piece
    this.#piece = undefined
    return piece === undefined || piece.length === this.#pieceBytes
      ? piece
      : piece.subarray(0, this.#pieceBytes)
  }

  /** The chunks of one read become one piece, so that tiny ones cost the receiver nothing. */
  #decode(decoder: BodyDecoder, bytes: Buffer, from: number, to: number): number {
    this.#pieceBytes = 0
    this.#pieceBytesMax = to - from
    const size = decoder.decode(bytes, from, to, this)
    this.complete = decoder.complete
    this.trailers = decoder.trailers
    return size
  }
  /** For the decoder. */
  data(bytes: Buffer): boolean {
    this.#piece ??= Buffer.allocUnsafe(this.#pieceBytesMax)
    this.#piece.set(bytes, this.#pieceBytes)
    this.#pieceBytes += bytes.length
    return true
  }
}
