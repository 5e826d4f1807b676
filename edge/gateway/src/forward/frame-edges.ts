/*
 * Follows the frames of WebSocket (RFC 6455 section 5.2) in the bytes of one direction, to know where one ends: only there
 * another can be put in. What the frames say is no business of ours.
 */
const CLOSE = 8
const HEAD_BYTES_MIN = 2

export class FrameEdges {
  /** Bytes of the payload that are to come. */
  #left = 0
  /** Bytes of a head that were read; how many it has, and up to which they tell the length. */
  #read = 0
  #head = HEAD_BYTES_MIN
  #lengthEnd = HEAD_BYTES_MIN
  #length = 0
  #isClosed = false

  /** Between two frames, and none of them was the last. */
  get atEdge(): boolean {
    return this.#left === 0 && this.#read === 0 && !this.#isClosed
  }
  follow(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left === 0) this.#take(chunk[at++] ?? 0)
      else {
        const step = Math.min(this.#left, chunk.length - at)
        this.#left -= step
        at += step
      }
    }
  }

  #take(byte: number): void {
    const place = this.#read++
    if (place === 0) this.#isClosed ||= (byte & 0x0f) === CLOSE
    else if (place === 1) this.#takeLength(byte & 0x7f, byte >= 0x80 ? 4 : 0)
    else if (place < this.#lengthEnd) this.#length = this.#length * 256 + byte
    if (this.#read < this.#head) return
    this.#left = this.#length
    this.#read = 0
    this.#head = HEAD_BYTES_MIN
  }
  /** A short length, or how many bytes the length has; then the key of a masked frame. */
  #takeLength(told: number, keyBytes: number): void {
    const more = told === 126 ? 2 : told === 127 ? 8 : 0
    this.#length = more === 0 ? told : 0
    this.#lengthEnd = HEAD_BYTES_MIN + more
    this.#head = this.#lengthEnd + keyBytes
  }
}

/** 1008: what comes is against the rules of who closes (RFC 6455 section 7.4.1). */
export const POLICY_VIOLATION = 1008

/** A closing frame of a server. `reason`: ASCII, at most 123 characters. */
export function closeFrame(code: number, reason: string): Buffer {
  const frame = Buffer.alloc(4 + reason.length)
  frame[0] = 0x80 | CLOSE
  frame[1] = 2 + reason.length
  frame.writeUInt16BE(code, 2)
  frame.write(reason, 4, 'latin1')
  return frame
}
