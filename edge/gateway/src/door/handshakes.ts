import type { Socket } from 'node:net'
import { Portions } from '@countersign/ground/time'

/*
 * A full handshake costs as much as twenty requests, all of it when the client's first bytes are read. Were all that come at
 * once begun at once, every request would wait for the last of them. So a connection waits here for its first bytes, and then
 * for its turn; who sends none holds nobody up, and is cut off by the sweep.
 */
export class Handshakes {
  readonly #begins: (socket: Socket) => void
  readonly #turns: Portions<() => void>

  /** `begins` is told of each connection whose turn it is. */
  constructor(begins: (socket: Socket) => void) {
    this.#begins = begins
    this.#turns = new Portions((begin) => begin())
  }

  /** `begin` takes the socket over, with the bytes that it holds by then. */
  add(socket: Socket, begin: () => void): void {
    const turn = (): void => {
      if (socket.destroyed) return
      this.#begins(socket)
      begin()
    }
    const heard = (): void => {
      if (socket.readableLength > 0) this.#turns.add(turn)
      else socket.destroy()
    }
    if (socket.readableLength > 0) heard()
    else socket.once('readable', heard)
  }
}
