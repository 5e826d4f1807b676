import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { SEND_STALL_MS } from '../limits.ts'
import type { CoarseClock } from './coarse-clock.ts'
import type { H1Reply, Outlet } from './h1-reply.ts'

/** What the answers of a connection tell it. */
interface Owner {
  readonly clock: CoarseClock
  /** Whether the connection stays after this answer, whose head is about to be written. */
  keeps(reply: H1Reply): boolean
  /** The last byte of an answer was handed over. */
  answered(reply: H1Reply): void
  /** It has left this process. */
  flushed(reply: H1Reply): void
  tunnel(): Duplex
  destroy(): void
}

const uncork = (socket: TLSSocket): void => socket.uncork()

/*
 * The answers that one connection owes, in the order of their requests: a list from the oldest, which may be written and on
 * its way out still, over the one whose turn it is, to the newest. Writes end in order, so counting them tells which
 * answers have left.
 */
export class H1Answers implements Outlet {
  readonly #socket: TLSSocket
  readonly #owner: Owner
  #oldest: H1Reply | undefined
  #turn: H1Reply | undefined
  #newest: H1Reply | undefined
  /** Answers that are owed: not all of their bytes have left. */
  size = 0
  #writes = 0
  #done = 0
  #progressAt = 0
  readonly #onWritten = (error?: Error | null): void => {
    if (error !== undefined && error !== null) return
    this.#done++
    this.#progressAt = this.#owner.clock.now
    this.#retire()
  }

  constructor(socket: TLSSocket, owner: Owner) {
    this.#socket = socket
    this.#owner = owner
  }

  add(reply: H1Reply): void {
    if (this.#newest === undefined) this.#oldest = reply
    else this.#newest.next = reply
    this.#newest = reply
    this.#turn ??= reply
    this.size++
  }
  /** The answer that is not written to its end, and whose turn it is. */
  get turn(): H1Reply | undefined {
    return this.#turn
  }
  /** Whether the client takes nothing of what was written. */
  isStalled(now: number): boolean {
    return this.#done < this.#writes && now - this.#progressAt > SEND_STALL_MS
  }
  drained(): void {
    this.#turn?.drained()
  }
  /** Nothing more can be sent. */
  fail(): void {
    let reply = this.#oldest
    this.#oldest = undefined
    this.#turn = undefined
    this.#newest = undefined
    this.size = 0
    for (; reply !== undefined; reply = reply.next) reply.settle(false)
  }

  isTurnOf(reply: H1Reply): boolean {
    return this.#turn === reply
  }
  tailOf(reply: H1Reply): string {
    const { clock } = this.#owner
    if (!reply.closes) reply.closes = !this.#owner.keeps(reply)
    return reply.closes ? clock.closes : clock.stays
  }
  write(bytes: Buffer): boolean {
    if (this.#done === this.#writes) this.#progressAt = this.#owner.clock.now
    this.#writes++
    return this.#socket.write(bytes, this.#onWritten)
  }
  cork(): void {
    this.#socket.cork()
    process.nextTick(uncork, this.#socket)
  }
  ended(reply: H1Reply): void {
    reply.lastWrite = this.#writes
    // What comes behind an answer that says that it is the last is never sent.
    this.#turn = reply.closes ? undefined : reply.next
    this.#owner.answered(reply)
    this.#turn?.begin()
    this.#retire()
  }
  tunnel(reply: H1Reply): Duplex {
    reply.closes = true
    return this.#owner.tunnel()
  }
  destroy(): void {
    this.#owner.destroy()
  }

  #retire(): void {
    for (;;) {
      const reply = this.#oldest
      if (reply === undefined || !reply.ended || reply === this.#turn) return
      if (reply.lastWrite > this.#done) return
      this.#oldest = reply.next
      // Or one that has grown old would keep all that came after it from being collected young.
      reply.next = undefined
      if (this.#oldest === undefined) this.#newest = undefined
      this.size--
      reply.settle(true)
      this.#owner.flushed(reply)
    }
  }
}
