import { detached } from '@countersign/ground/http1'
import { CACHED_TOKEN_CHARS_MAX, CACHED_TOKEN_MS_MAX, CACHED_TOKENS_MAX } from './limits.ts'
import type { VerifiedToken } from './token.ts'

interface Entry {
  readonly verified: VerifiedToken
  /** Milliseconds since 1970; never after the expiry of the token. */
  readonly until: number
}

/**
 * Verdicts on tokens that passed, keyed by the whole token: a hash of a part would let one token pass for another.
 * Two generations bound it without any bookkeeping at a hit. What failed is not kept.
 */
export class TokenCache {
  readonly #max: number
  #young = new Map<string, Entry>()
  #old = new Map<string, Entry>()

  constructor(max = CACHED_TOKENS_MAX) {
    this.#max = max
  }
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** The verdict on `token`, if it is still good at `now` (milliseconds since 1970). */
  get(token: string, now: number): VerifiedToken | undefined {
    const entry = this.#young.get(token) ?? this.#rescue(token)
    if (entry === undefined) return undefined
    if (now < entry.until) return entry.verified
    this.#young.delete(token)
    return undefined
  }

  set(token: string, verified: VerifiedToken, now: number): void {
    if (token.length > CACHED_TOKEN_CHARS_MAX) return
    const until = Math.min(verified.expiresAt * 1000, now + CACHED_TOKEN_MS_MAX)
    // It may be a window onto the whole head of a request.
    this.#put(detached(token), { verified, until })
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
  }

  #rescue(token: string): Entry | undefined {
    const entry = this.#old.get(token)
    if (entry === undefined) return undefined
    this.#old.delete(token)
    this.#put(token, entry)
    return entry
  }
  #put(token: string, entry: Entry): void {
    if (this.#young.size >= this.#max) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(token, entry)
  }
}
