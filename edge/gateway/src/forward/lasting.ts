import type { Refusal } from '@countersign/layers'
import type { Exchange } from '../exchange.ts'

/**
 * An exchange without an end that is known beforehand: a tunnel, an answer that does not say how long it is, a body of a
 * request that does not. After a change of the configuration it is asked about again.
 */
export interface Lasting {
  readonly exchange: Exchange
  /** Ends it, with this on record. Once; later calls do nothing. */
  refuse(refusal: Refusal): void
}

/** All of them at a gateway. */
export interface LastingOnes {
  add(lasting: Lasting): void
  delete(lasting: Lasting): void
}
