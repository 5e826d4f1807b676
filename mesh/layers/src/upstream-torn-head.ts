import { RESPONSE_HEAD_BOUNDS } from './limits.ts'

const END = Buffer.from('\r\n\r\n')

/** A head that comes in pieces. It is parsed once it may be whole, so that pieces of one byte cost little. */
export class TornHead {
  #bytes: Buffer
  length: number

  constructor(bytes: Buffer, from: number, to: number) {
    this.length = to - from
    this.#bytes = Buffer.allocUnsafe(2 * this.length)
    bytes.copy(this.#bytes, 0, from, to)
  }
  get bytes(): Buffer {
    return this.#bytes
  }

  /** Whether there is something to parse: the end of a head, or too much. */
  add(bytes: Buffer, from: number, to: number): boolean {
    const had = this.length
    this.length += to - from
    if (this.length > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(2 * this.length)
      this.#bytes.copy(larger, 0, 0, had)
      this.#bytes = larger
    }
    bytes.copy(this.#bytes, had, from, to)
    if (this.length >= RESPONSE_HEAD_BOUNDS.headBytesMax) return true
    const end = this.#bytes.indexOf(END, Math.max(0, had - END.length + 1))
    return end !== -1 && end + END.length <= this.length
  }
}
