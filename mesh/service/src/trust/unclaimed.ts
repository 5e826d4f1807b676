import type { TrustWord } from '@countersign/contract/platform'
import { UNCLAIMED_AFTER_MS, UNCLAIMED_MAX } from './limits.ts'

/** A certificate of our own name that no instance says it shows: somebody else may have asked for it. */
export type UnrequestedCertificate = TrustWord['unclaimed'][number]

/**
 * Tells of each unclaimed certificate once. Not of our own ones, nor of those that are so young that their instance may
 * not have had the time to report them.
 */
export class Unclaimed {
  /** Told of, or our own. The oldest are forgotten: they have expired. */
  readonly #known = new Set<string>()

  own(serial: string): void {
    this.#remember(serial)
  }
  /** Those to tell of now. */
  news(said: readonly UnrequestedCertificate[], now: number): UnrequestedCertificate[] {
    const found = said.filter(
      ({ serial, issuedAt }) => !this.#known.has(serial) && now - issuedAt >= UNCLAIMED_AFTER_MS,
    )
    for (const { serial } of found) this.#remember(serial)
    return found
  }
  #remember(serial: string): void {
    this.#known.add(serial)
    for (const oldest of this.#known) {
      if (this.#known.size <= UNCLAIMED_MAX) break
      this.#known.delete(oldest)
    }
  }
}
