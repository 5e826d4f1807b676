import type { FieldLines } from '@countersign/ground/http1'
import type { Duplex } from 'node:stream'
import type { UpstreamError } from './upstream-error.ts'

/**
 * Takes an answer as it comes. Exactly one of `end`, `error` and `upgraded` is called, once, and nothing after it. Its
 * methods are called from within the reading of a connection, so they must not throw: one that does loses the connection.
 */
export interface Receiver {
  /** An interim answer (RFC 9110 section 15.2) but 101, before the final one. `headers`: see `head`. */
  informational?(status: number, headers: readonly string[]): void
  /**
   * Status and headers of the final answer: name, value, name, value …, latin1 as received, hop-by-hop ones included.
   * Return false to get no part of the body until `resume` is called. `resume` belongs to this answer only: called before
   * there is something held back, or after the end, it does nothing.
   * `lines`: the headers as they were read, for who hands them on.
   */
  head(
    status: number,
    headers: readonly string[],
    resume: () => void,
    lines?: FieldLines | undefined,
  ): boolean
  /** A part of the body, which is the receiver's own. Return false to get no further part until `resume` is called. */
  data(chunk: Buffer): boolean
  /** `trailers` as in `head`; only where the answer has some. They are never to be merged into its headers. */
  end(trailers?: readonly string[]): void
  error(error: UpstreamError): void
  /**
   * A 101 to a request with `upgrade`: the connection is the receiver's now, and its to end. `firstBytes` came with the
   * head and are not read from `socket` again. Without this method a 101 is an error.
   */
  upgraded?(status: number, headers: readonly string[], socket: Duplex, firstBytes: Buffer): void
}
