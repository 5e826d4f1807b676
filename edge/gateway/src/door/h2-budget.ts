import {
  H2_CONTROL_FRAMES_PER_SECOND,
  H2_OVERHEAD_BYTES_BURST,
  H2_OVERHEAD_BYTES_PER_SECOND,
  H2_RESETS_BURST,
  H2_RESETS_PER_SECOND,
} from '../limits.ts'

/*
 * What a connection may cost beside its requests (RFC 9113 section 10.5): streams that come to nothing, frames that ask for
 * an answer of the engine, and bytes that are neither head nor body. Each is an account that fills up with time; who
 * overdraws one is asked to calm down, and goes.
 */
export class H2Budget {
  #resets = H2_RESETS_BURST
  #frames = H2_CONTROL_FRAMES_PER_SECOND
  #bytes = H2_OVERHEAD_BYTES_BURST

  /** A stream that the client has opened and taken back, or that broke a rule. False: one too many. */
  reset(): boolean {
    return --this.#resets >= 0
  }
  /** PING or SETTINGS. False: one too many. */
  control(): boolean {
    return --this.#frames >= 0
  }
  /** `overhead`: bytes since the last call that were of no use, `seconds` ago. False: too many. */
  pass(seconds: number, overhead: number): boolean {
    this.#resets = Math.min(H2_RESETS_BURST, this.#resets + seconds * H2_RESETS_PER_SECOND)
    this.#frames = Math.min(
      H2_CONTROL_FRAMES_PER_SECOND,
      this.#frames + seconds * H2_CONTROL_FRAMES_PER_SECOND,
    )
    const filled = this.#bytes + seconds * H2_OVERHEAD_BYTES_PER_SECOND - Math.max(0, overhead)
    this.#bytes = Math.min(H2_OVERHEAD_BYTES_BURST, filled)
    return this.#bytes >= 0
  }
}
