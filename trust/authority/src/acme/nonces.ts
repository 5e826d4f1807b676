import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { NONCE_LIFETIME_MS, NONCES_USED_MAX } from './limits.ts'

/*
 * Nonces (RFC 8555, 6.5) that cost no memory until they are used: a counter and a time, authenticated under a key that
 * lives as long as this object. Nobody can make one up, ask for so many that others lose theirs, or use one twice; a
 * restart ends them all, and clients get a fresh one with the refusal.
 *
 *   base64url( counter, 8 octets | time in ms, 8 octets | HMAC-SHA-256 of both, first 16 octets )
 *
 * Used counters are remembered. When there are too many, the lowest go, and everything below them is refused unseen.
 */
const TEXT = /^[A-Za-z0-9_-]{43}$/
const BODY_BYTES = 16
const TAG_BYTES = 16

export class Nonces {
  readonly #key = randomBytes(32)
  readonly #now: () => number
  readonly #usedMax: number
  #counter = 0n
  #floor = 0n
  #used = new Set<bigint>()

  constructor(options: { now: () => number; usedMax?: number }) {
    this.#now = options.now
    this.#usedMax = options.usedMax ?? NONCES_USED_MAX
  }

  next(): string {
    const body = Buffer.alloc(BODY_BYTES)
    this.#counter += 1n
    body.writeBigUInt64BE(this.#counter)
    body.writeBigUInt64BE(BigInt(Math.floor(this.#now())), 8)
    return Buffer.concat([body, this.#tag(body)]).toString('base64url')
  }

  /** Uses a nonce up. False: it is none of ours, was used before, or is too old. */
  use(nonce: string): boolean {
    if (!TEXT.test(nonce)) return false
    const bytes = Buffer.from(nonce, 'base64url')
    if (bytes.length !== BODY_BYTES + TAG_BYTES || bytes.toString('base64url') !== nonce)
      return false
    const body = bytes.subarray(0, BODY_BYTES)
    if (!timingSafeEqual(bytes.subarray(BODY_BYTES), this.#tag(body))) return false
    const counter = body.readBigUInt64BE()
    const age = this.#now() - Number(body.readBigUInt64BE(8))
    if (!(age >= 0 && age <= NONCE_LIFETIME_MS)) return false
    if (counter <= this.#floor || this.#used.has(counter)) return false
    this.#used.add(counter)
    if (this.#used.size > this.#usedMax) this.#forgetLowest()
    return true
  }

  #tag(body: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(body).digest().subarray(0, TAG_BYTES)
  }

  /** Half of them at once, so that sorting is rare. */
  #forgetLowest(): void {
    const sorted = [...this.#used].sort((a, b) => (a < b ? -1 : 1))
    const kept = sorted.slice(sorted.length >> 1)
    this.#floor = sorted[(sorted.length >> 1) - 1] ?? this.#floor
    this.#used = new Set(kept)
  }
}
