import type { ConnectionFacts } from '../exchange.ts'
import type { Incoming, Reply } from './asked.ts'
import type { Broken } from './broken-bytes.ts'
import type { CoarseClock } from './coarse-clock.ts'

/** A connection that is through with TLS, whatever it speaks. */
export interface Connection {
  /** Nothing is under way. */
  readonly idle: boolean
  /** No further request is wanted; what is under way may finish. May be called again. */
  drain(): void
  /** Ends our side, and all soon after. */
  end(): void
  destroy(): void
  /** Once a second: whoever is too slow is cut off. */
  sweep(): void
}

/** What a connection needs of the door. */
export interface DoorSide {
  readonly clock: CoarseClock
  readonly draining: boolean
  serve(request: Incoming, reply: Reply, connection: ConnectionFacts): void
  /** Too many requests wait for their answers. */
  overPipelined(connection: ConnectionFacts): void
  /** Bytes that are no request. Gives the request id under which it was told. */
  broken(broken: Broken, connection: ConnectionFacts): string
  closed(connection: Connection): void
}
