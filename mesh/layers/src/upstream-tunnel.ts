import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** A connection that speaks another protocol now, as a stream. Reading and writing keep to the pace of both sides. */
export class Tunnel extends Duplex {
  readonly #socket: Socket
  #over = false

  constructor(socket: Socket) {
    super({ allowHalfOpen: false, decodeStrings: false })
    this.#socket = socket
    // whoever has it may have gone already, and then nobody else listens
    this.on('error', () => undefined)
  }

  /** Takes what the socket has read. False stops its reading. */
  takeIn(bytes: Buffer): boolean {
    return this.push(bytes)
  }
  /** The socket has ended. What it has read can still be taken, but where it broke off. */
  over(error?: Error): void {
    if (error !== undefined) this.destroy(error)
    else if (!this.#over) this.push(null)
    this.#over = true
  }
  override _read(): void {
    this.#socket.resume()
  }
  override _write(
    chunk: string | Uint8Array,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.write(chunk, encoding, done)
  }
  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket.destroyed) done()
    else this.#socket.end(() => done())
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
