import type { Socket } from 'node:net'
import { addressKey } from '@countersign/layers'
import {
  JOIN_ACTIVE_MAX,
  JOIN_ACTIVE_PER_ADDRESS,
  JOIN_CONNECTIONS_MAX,
  JOIN_CONNECTIONS_PER_ADDRESS,
  JOIN_DEADLINE_MS_MAX,
  JOIN_WAIT_MS_MAX,
} from '../limits.ts'

interface Address {
  active: number
  /** Oldest first, with the end of their patience. */
  readonly waiting: Map<Socket, NodeJS.Timeout>
}

/*
 * Stands before the handshake, which is what costs most:
 *
 * - so many connections are worked on at once; the others wait, and nothing is spent on them. So those that came first
 *   are done first: worked on all together, a thousand would all be late
 * - addresses take turns, and no one has all the places
 * - where there is no more room, whoever came last of the address with the most makes room for one with fewer
 * - whoever has waited for about as long as callers do is let go, to come again
 * - whoever was let in and has not done within its time is cut off
 */
export class ConnectionGate {
  readonly #admit: (socket: Socket) => void
  readonly #onShed: () => void
  /** The one that is served next comes first. */
  readonly #addresses = new Map<string, Address>()
  readonly #admitted = new Set<Socket>()
  #waiting = 0

  constructor(options: { admit: (socket: Socket) => void; onShed: () => void }) {
    this.#admit = options.admit
    this.#onShed = options.onShed
  }

  /** Takes a connection that has been made. The socket must be paused. */
  take(socket: Socket): void {
    const key = addressKey(socket.remoteAddress ?? '')
    const address = this.#addresses.get(key) ?? { active: 0, waiting: new Map() }
    const ofAddress = address.active + address.waiting.size
    if (ofAddress >= JOIN_CONNECTIONS_PER_ADDRESS || !this.#makeRoom(address)) {
      this.#shed(socket)
      return
    }
    this.#addresses.set(key, address)
    socket.once('close', () => this.#leaveLine(key, socket))
    socket.on('error', () => socket.destroy())
    const timer = setTimeout(() => this.#shed(socket), JOIN_WAIT_MS_MAX)
    address.waiting.set(socket, timer)
    this.#waiting += 1
    this.#letIn()
  }

  /** Sends away who waits. */
  close(): void {
    for (const { waiting } of this.#addresses.values())
      for (const socket of waiting.keys()) socket.destroy()
  }

  /** Ends what was let in as well. */
  cutOff(): void {
    for (const socket of this.#admitted) socket.destroy()
  }

  #shed(socket: Socket): void {
    this.#onShed()
    socket.destroy()
  }

  /** Where all is full, room comes from the longest line, and nobody who has a longer one himself gets it. */
  #makeRoom(mine: Address): boolean {
    if (this.#admitted.size + this.#waiting < JOIN_CONNECTIONS_MAX) return true
    let longest: [key: string, line: Address['waiting']] = ['', mine.waiting]
    for (const [key, { waiting }] of this.#addresses)
      if (waiting.size > longest[1].size) longest = [key, waiting]
    const [key, line] = longest
    const last = [...line.keys()].at(-1)
    if (last === undefined || !(line.size > mine.waiting.size + 1)) return false
    this.#leaveLine(key, last)
    this.#shed(last)
    return true
  }

  #leaveLine(key: string, socket: Socket): void {
    const address = this.#addresses.get(key)
    const timer = address?.waiting.get(socket)
    if (address === undefined || timer === undefined) return
    clearTimeout(timer)
    address.waiting.delete(socket)
    this.#waiting -= 1
    this.#tidy(key, address)
  }

  #letIn(): void {
    while (this.#admitted.size < JOIN_ACTIVE_MAX) {
      const next = this.#next()
      if (next === undefined) return
      const [key, address, socket] = next
      this.#leaveLine(key, socket)
      // Its turn is over: others come first now.
      this.#addresses.delete(key)
      this.#addresses.set(key, address)
      this.#start(key, address, socket)
    }
  }

  #next(): [string, Address, Socket] | undefined {
    for (const [key, address] of this.#addresses) {
      const [socket] = address.waiting.keys()
      if (socket !== undefined && address.active < JOIN_ACTIVE_PER_ADDRESS)
        return [key, address, socket]
    }
    return undefined
  }

  #start(key: string, address: Address, socket: Socket): void {
    this.#admitted.add(socket)
    address.active += 1
    const timer = setTimeout(() => this.#shed(socket), JOIN_DEADLINE_MS_MAX)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#admitted.delete(socket)
      address.active -= 1
      this.#tidy(key, address)
      this.#letIn()
    })
    this.#admit(socket)
  }

  #tidy(key: string, { active, waiting }: Address): void {
    if (active === 0 && waiting.size === 0) this.#addresses.delete(key)
  }
}
