import type { Socket } from 'node:net'
import { CONNECT_TIMEOUT_MS, CONNECTING_MAX, DEADLINE_STEP_MS, IDLE_SWEEP_MS } from './limits.ts'
import { Connection, type ConnectionOwner } from './upstream-connection.ts'
import type { Connector } from './upstream-establish.ts'
import { UpstreamError } from './upstream-error.ts'
import type { Exchange } from './upstream-exchange.ts'
import { WaitingLine } from './upstream-waiting.ts'

/** The connections to one place, whatever they speak. */
export type Pool = Pick<ConnectionPool, 'run' | 'warm' | 'waitedMs' | 'renew' | 'close' | 'destroy'>

/** A connection that is being made. */
interface Attempt {
  /** Who came later than this one waits for another attempt. */
  readonly arrivals: number
  /** Begun before the connector was renewed. */
  old: boolean
  giveUp: () => void
}

/*
 * The connections to one place, and the requests that wait for them.
 *
 *  - a request takes the connection that was used last, so that few stay warm and the others end
 *  - without one it waits in line, and a connection is opened for it, unless as many are due as requests wait, or as many
 *    are being made as may be at one time
 *  - a connection whose answer is complete gets its next request in the check phase of the event loop, behind all reading:
 *    what had arrived after the answer was then read, and has ended the connection
 *  - while no connection is open, a failed attempt takes with it who waits longest, and all for whom an attempt of their own
 *    would have failed by now; the last attempt takes all who waited when it began, and who came later waits for the next
 *  - after a renewal, what runs ends where it is; an attempt that was under way may carry one request of before
 */
export class ConnectionPool implements ConnectionOwner {
  readonly #connectionsMax: number
  readonly #onQuiet: () => void
  readonly unasked: () => void
  #connector: Connector
  /** Idle ones, the one used last at the end. */
  readonly #idle: Connection[] = []
  /** Their answers are complete; `#reuse` gives them on. */
  readonly #answered: Connection[] = []
  readonly #open = new Set<Connection>()
  /** They end with what runs on them, and are not counted. */
  readonly #retiring = new Set<Connection>()
  /** They speak another protocol, and belong to who has asked for that. */
  readonly #tunnels = new Set<Connection>()
  readonly #attempts = new Set<Attempt>()
  readonly #oldAttempts = new Set<Attempt>()
  readonly #line = new WaitingLine()
  #arrivals = 0
  #reuseIsDue = false
  #sweep: NodeJS.Timeout | undefined
  #closing = false
  readonly #onReuse = (): void => this.#reuse()

  constructor(options: {
    connector: Connector
    connectionsMax: number
    onQuiet: () => void
    onUnasked: () => void
  }) {
    this.#connector = options.connector
    this.#connectionsMax = options.connectionsMax
    this.#onQuiet = options.onQuiet
    this.unasked = options.onUnasked
  }

  run(exchange: Exchange): void {
    const now = performance.now()
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (idle.isReady(now)) {
        idle.send(exchange)
        return
      }
      idle.destroy()
    }
    exchange.arrival = ++this.#arrivals
    exchange.line = this.#line
    this.#line.push(exchange)
    this.#grow()
  }
  /** How long the first in line has waited at `now`; 0 where nobody waits. */
  waitedMs(now: number): number {
    return this.#line.waitedMs(now)
  }
  /** Opens connections before they are needed. */
  warm(connections: number): void {
    for (let due = connections - this.#open.size; due > 0; due--) this.#connect()
  }
  /**
   * New connections are made by this connector; those that are open end with what runs on them. Gives the way to end those
   * at once.
   */
  renew(connector: Connector): () => void {
    this.#connector = connector
    for (const attempt of this.#attempts) {
      attempt.old = true
      this.#oldAttempts.add(attempt)
    }
    this.#attempts.clear()
    const retired = this.#retireAll()
    this.#grow()
    return () => {
      for (const connection of retired) connection.destroy(closed())
    }
  }
  /** No more requests. `onQuiet` is called when the last one is over, perhaps at once. */
  close(): void {
    this.#closing = true
    this.#tellQuiet()
  }
  /** Ends all at once. */
  destroy(): void {
    this.#giveUpAttempts()
    for (let each = this.#shift(); each !== undefined; each = this.#shift()) each.fail(closed())
    for (const set of [this.#open, this.#retiring, this.#tunnels])
      for (const connection of set) connection.destroy(closed())
  }

  answered(connection: Connection): void {
    this.#answered.push(connection)
    if (this.#reuseIsDue) return
    this.#reuseIsDue = true
    setImmediate(this.#onReuse)
  }
  handedOver(connection: Connection): void {
    this.#tunnels.add(connection)
    this.#open.delete(connection)
    this.#retiring.delete(connection)
    this.#grow()
  }
  gone(connection: Connection): void {
    this.#retiring.delete(connection)
    this.#tunnels.delete(connection)
    if (this.#open.delete(connection)) {
      const at = this.#idle.indexOf(connection)
      if (at !== -1) this.#idle.splice(at, 1)
      this.#grow()
    }
    this.#tellQuiet()
  }

  #reuse(): void {
    this.#reuseIsDue = false
    const now = performance.now()
    for (const connection of this.#answered) this.#offer(connection, now)
    this.#answered.length = 0
    this.#grow()
    this.#tellQuiet()
  }
  /** Gives a connection to who waits longest, or keeps it for the next. */
  #offer(connection: Connection, now: number): void {
    connection.expiresAt = now + connection.keepMs
    if (!connection.isReady(now) || connection.retiring) {
      connection.destroy()
      return
    }
    const exchange = this.#shift()
    if (exchange !== undefined) connection.send(exchange)
    else {
      this.#idle.push(connection)
      this.#sweep ??= setInterval(() => this.#sweepIdle(), IDLE_SWEEP_MS).unref()
    }
  }
  #shift(): Exchange | undefined {
    const exchange = this.#line.shift()
    if (exchange !== undefined) exchange.line = undefined
    return exchange
  }

  #grow(): void {
    while (
      this.#attempts.size < CONNECTING_MAX &&
      this.#attempts.size + this.#answered.length < this.#line.length &&
      this.#attempts.size + this.#open.size < this.#connectionsMax
    )
      this.#connect()
  }
  #connect(): void {
    const connection = new Connection(this)
    const attempt: Attempt = { arrivals: this.#arrivals, old: false, giveUp: () => undefined }
    this.#attempts.add(attempt)
    attempt.giveUp = this.#connector(
      (size, buffer) => connection.read(size, buffer),
      (result) => {
        this.#attempts.delete(attempt)
        this.#oldAttempts.delete(attempt)
        if (!(result instanceof UpstreamError)) this.#onOpen(connection, result, attempt)
        else if (!attempt.old) this.#onFailure(result, attempt)
        this.#tellQuiet()
      },
    )
  }
  #onOpen(connection: Connection, socket: Socket, attempt: Attempt): void {
    connection.open(socket)
    if (!attempt.old) {
      this.#open.add(connection)
      this.#offer(connection, performance.now())
      this.#grow()
      return
    }
    connection.retiring = true
    this.#retiring.add(connection)
    const isDue = (this.#line.first?.arrival ?? Number.POSITIVE_INFINITY) <= attempt.arrivals
    const exchange = isDue ? this.#shift() : undefined
    if (exchange === undefined) connection.destroy()
    else connection.send(exchange)
  }
  #onFailure(error: UpstreamError, { arrivals }: Attempt): void {
    // while one is open, those that wait have somebody to wait for
    if (this.#open.size > 0) return
    const { first } = this.#line
    if (first !== undefined && first.arrival <= arrivals) this.#shift()?.fail(error)
    const now = performance.now()
    while (
      this.waitedMs(now) >= CONNECT_TIMEOUT_MS - DEADLINE_STEP_MS ||
      (this.#attempts.size === 0 && (this.#line.first?.arrival ?? arrivals + 1) <= arrivals)
    )
      this.#shift()?.fail(error)
    this.#grow()
  }

  #retireAll(): readonly Connection[] {
    for (const connection of this.#idle.splice(0)) connection.destroy()
    for (const connection of this.#answered.splice(0)) connection.destroy()
    const retired = [...this.#open]
    for (const connection of retired) {
      connection.retiring = true
      this.#retiring.add(connection)
    }
    this.#open.clear()
    return retired
  }
  #giveUpAttempts(): void {
    for (const set of [this.#attempts, this.#oldAttempts]) {
      for (const attempt of set) attempt.giveUp()
      set.clear()
    }
  }
  #sweepIdle(): void {
    const now = performance.now()
    for (const connection of this.#idle) {
      if (!connection.isReady(now)) connection.destroy()
      // it has been idle since the last sweep at least once: it keeps no process alive
      else connection.unwatch()
    }
    if (this.#idle.length > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }
  /** While it closes: whether all that ran is over. Then the idle ones end as well. */
  #tellQuiet(): void {
    if (!this.#closing || this.#line.length > 0 || this.#answered.length > 0) return
    if (this.#open.size > this.#idle.length) return
    if (this.#retiring.size > 0 || this.#tunnels.size > 0) return
    this.#giveUpAttempts()
    clearInterval(this.#sweep)
    for (const connection of this.#idle) connection.destroy()
    this.#onQuiet()
  }
}

const closed = (): UpstreamError => new UpstreamError('CLOSED', 'this upstream is closed')
