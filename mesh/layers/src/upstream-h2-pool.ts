import type { Socket } from 'node:net'
import { H2_STREAMS_MAX, IDLE_MS_MAX, IDLE_SWEEP_MS } from './limits.ts'
import { UpstreamError } from './upstream-error.ts'
import type { Connector } from './upstream-establish.ts'
import type { Exchange } from './upstream-exchange.ts'
import { H2Link, type H2LinkOwner } from './upstream-h2-link.ts'
import type { Pool } from './upstream-pool.ts'
import { WaitingLine } from './upstream-waiting.ts'

/** A connection that is being made: up to where the other side has said how many requests it takes. */
interface Attempt {
  old: boolean
  giveUp: () => void
}

/*
 * The connections of HTTP/2 to one place, and the requests that wait for them.
 *
 *  - a request takes the first connection that has room, so that few stay
 *  - without one it waits in line, and connections are opened for all that wait, as many as they fill
 *  - where an attempt fails while none is open, all who wait hear of it: the next request tries again
 *  - after a renewal, what runs ends where it is
 */
export class H2Pool implements Pool, H2LinkOwner {
  readonly #connectionsMax: number
  readonly #onQuiet: () => void
  #connector: Connector
  readonly #open = new Set<H2Link>()
  /** They end with what runs on them. */
  readonly #retiring = new Set<H2Link>()
  readonly #attempts = new Set<Attempt>()
  readonly #beginning = new Map<H2Link, Attempt>()
  readonly #line = new WaitingLine()
  #sweep: NodeJS.Timeout | undefined
  #closing = false

  constructor(options: { connector: Connector; connectionsMax: number; onQuiet: () => void }) {
    this.#connector = options.connector
    this.#connectionsMax = options.connectionsMax
    this.#onQuiet = options.onQuiet
  }

  run(exchange: Exchange): void {
    for (const link of this.#open) {
      if (!link.hasRoom) continue
      link.send(exchange)
      return
    }
    exchange.line = this.#line
    this.#line.push(exchange)
    this.#grow()
  }
  waitedMs(now: number): number {
    return this.#line.waitedMs(now)
  }
  warm(connections: number): void {
    for (let due = connections - this.#open.size; due > 0; due--) this.#connect()
  }
  renew(connector: Connector): () => void {
    this.#connector = connector
    for (const attempt of this.#attempts) attempt.old = true
    const retired = [...this.#open]
    for (const link of retired) this.retire(link)
    this.#grow()
    return () => {
      for (const link of retired) link.destroy(closed())
    }
  }
  close(): void {
    this.#closing = true
    this.#tellQuiet()
  }
  destroy(): void {
    for (const attempt of this.#attempts) attempt.giveUp()
    this.#attempts.clear()
    this.#failAll(closed())
    for (const set of [this.#open, this.#retiring]) for (const link of set) link.destroy(closed())
    this.#tellQuiet()
  }

  /* For connections. */

  ready(link: H2Link): void {
    const attempt = this.#beginning.get(link)
    if (attempt === undefined) return
    this.#beginning.delete(link)
    this.#attempts.delete(attempt)
    if (attempt.old) {
      // It shows the certificate of before.
      link.destroy(closed())
      return
    }
    this.#open.add(link)
    this.#sweep ??= setInterval(() => this.#sweepIdle(), IDLE_SWEEP_MS).unref()
    this.freed(link)
    this.#grow()
  }
  freed(link: H2Link): void {
    while (link.hasRoom) {
      const exchange = this.#shift()
      if (exchange === undefined) break
      link.send(exchange)
    }
    this.#tellQuiet()
  }
  retire(link: H2Link): void {
    if (!this.#open.delete(link)) return
    this.#retiring.add(link)
    link.retire()
    this.#grow()
  }
  gone(link: H2Link): void {
    this.#open.delete(link)
    this.#retiring.delete(link)
    const attempt = this.#beginning.get(link)
    this.#beginning.delete(link)
    if (attempt !== undefined) this.#failed(lossOf(link), attempt)
    this.#grow()
    this.#tellQuiet()
  }

  #shift(): Exchange | undefined {
    const exchange = this.#line.shift()
    if (exchange !== undefined) exchange.line = undefined
    return exchange
  }
  #failAll(error: UpstreamError): void {
    // Whoever hears of it may send again at once: that one waits for the next attempt.
    for (let due = this.#line.length; due > 0; due--) this.#shift()?.fail(error)
  }
  #grow(): void {
    while (
      this.#attempts.size * H2_STREAMS_MAX < this.#line.length &&
      this.#attempts.size + this.#open.size < this.#connectionsMax
    )
      this.#connect()
  }
  #connect(): void {
    const attempt: Attempt = { old: false, giveUp: () => undefined }
    this.#attempts.add(attempt)
    attempt.giveUp = this.#connector(
      () => true,
      (result) => {
        if (result instanceof UpstreamError) this.#failed(result, attempt)
        else this.#begin(result, attempt)
        this.#grow()
        this.#tellQuiet()
      },
    )
  }
  #begin(socket: Socket, attempt: Attempt): void {
    const link = new H2Link(socket, this)
    attempt.giveUp = () => link.destroy(closed())
    this.#beginning.set(link, attempt)
  }
  #failed(error: UpstreamError, attempt: Attempt): void {
    this.#attempts.delete(attempt)
    if (!attempt.old && this.#open.size === 0 && this.#attempts.size === 0) this.#failAll(error)
  }
  #sweepIdle(): void {
    const now = performance.now()
    for (const link of this.#open) {
      if (link.idleMs(now) > IDLE_MS_MAX) this.retire(link)
      else if (link.idleMs(now) > 0) link.unwatch()
    }
    if (this.#open.size > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }
  /** While it closes: whether all that ran is over. */
  #tellQuiet(): void {
    if (!this.#closing || this.#line.length > 0) return
    for (const link of this.#open) if (link.size > 0) return
    if (this.#retiring.size > 0) return
    for (const attempt of this.#attempts) attempt.giveUp()
    this.#attempts.clear()
    clearInterval(this.#sweep)
    for (const link of this.#open) link.destroy(closed())
    this.#onQuiet()
  }
}

const lossOf = ({ error }: H2Link): UpstreamError =>
  error instanceof UpstreamError
    ? error
    : new UpstreamError(
        'CONNECT_FAILED',
        'it hangs up',
        error === undefined ? {} : { cause: error },
      )
const closed = (): UpstreamError => new UpstreamError('CLOSED', 'this upstream is closed')
