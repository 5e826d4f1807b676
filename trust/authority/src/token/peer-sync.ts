import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { TokenState } from '../domain/token-book.ts'
import { AuthorityError } from '../errors.ts'
import { PEER_RETRY_MS_MAX, PEER_RETRY_MS_MIN } from '../limits.ts'
import type { JoinTokens } from './join-tokens.ts'

/**
 * The other authority. `share` tells it of a token, durably on return, and says whether the token was spent there
 * before. Safe to repeat. Rejects within a second where nobody answers.
 */
export interface Peer {
  share(hash: string, state: TokenState): Promise<{ readonly spent: boolean }>
}

/**
 * Keeps the tokens of two authorities together. What could not be told is told when the other is back; at the start
 * everything is. While the two cannot reach each other each goes on alone: joining stays possible, and for that time
 * a token could be used once at each. Two doors that are asked at the same moment both refuse.
 */
export class PeerSync {
  readonly #tokens: JoinTokens
  readonly #peer: Peer | undefined
  readonly #log: Log
  /** Bounded by the tokens there are. */
  readonly #untold = new Set<string>()
  /** Tokens that are being used at this moment: of two requests with one token, the second is refused. */
  readonly #spending = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #closed = false

  constructor(options: { tokens: JoinTokens; peer: Peer | undefined; log: Log }) {
    this.#tokens = options.tokens
    this.#peer = options.peer
    this.#log = options.log
    if (this.#peer === undefined) return
    for (const [hash] of this.#tokens.all()) this.#untold.add(hash)
    this.#plan()
  }

  get untold(): number {
    return this.#untold.size
  }

  /**
   * Uses a token up, at the other authority and then here. Throws `AuthorityError` TOKEN_REFUSED where it was spent at
   * either. The other hears of it from this word and nowhere else: until it has, what we tell and answer about the
   * token says that it is fresh, or the other would take our own word for news that it has already. A crash in between
   * costs the token, never a second use: nothing has been signed yet.
   */
  async spend(hash: string): Promise<void> {
    if (this.#spending.has(hash)) throw new AuthorityError('TOKEN_REFUSED', 'SPENT')
    this.#spending.add(hash)
    try {
      this.#untold.delete(hash)
      const state = this.#tokens.stateOf(hash)
      if (state !== undefined && !state.spent) {
        const word = { ...state, spent: true }
        if (await this.tell(hash, word)) {
          await this.#tokens.learn(hash, word)
          throw new AuthorityError('TOKEN_REFUSED', 'SPENT at the other authority')
        }
      }
      await this.#tokens.spend(hash)
    } finally {
      this.#spending.delete(hash)
    }
  }

  /** Tells the other of a token. True: it was spent there before. False also where nobody answers. */
  async tell(hash: string, state: TokenState): Promise<boolean> {
    if (this.#peer === undefined) return false
    try {
      const { spent } = await this.#peer.share(hash, state)
      this.#untold.delete(hash)
      return spent
    } catch (error) {
      this.#log.warn(
        { why: messageOf(error) },
        'the other authority does not answer; it is told later',
      )
      this.#untold.add(hash)
      this.#plan()
      return false
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #plan(): void {
    if (this.#closed || this.#timer !== undefined || this.#untold.size === 0) return
    const pause = Math.min(PEER_RETRY_MS_MAX, PEER_RETRY_MS_MIN * 2 ** Math.min(this.#failures, 10))
    this.#timer = setTimeout(() => void this.#tellAll(), pause * (0.5 + Math.random() / 2)).unref()
  }

  async #tellAll(): Promise<void> {
    for (const hash of [...this.#untold]) {
      if (this.#closed) return
      // Spent meanwhile: that word is `spend`'s to say, and said twice it would look like somebody else's.
      if (!this.#untold.has(hash)) continue
      const state = this.#tokens.stateOf(hash)
      if (state === undefined) this.#untold.delete(hash)
      else if (!(await this.#tellOne(hash, state))) break
    }
    this.#timer = undefined
    this.#failures = this.#untold.size === 0 ? 0 : this.#failures + 1
    this.#plan()
  }

  async #tellOne(hash: string, state: TokenState): Promise<boolean> {
    try {
      const { spent } = (await this.#peer?.share(hash, state)) ?? { spent: false }
      if (spent && !state.spent) await this.#tokens.learn(hash, { ...state, spent })
      // It may have been spent here while this was under way; then the other has yet to hear of that.
      if (this.#tokens.stateOf(hash)?.spent === (spent || state.spent)) this.#untold.delete(hash)
      return true
    } catch (error) {
      this.#log.debug({ why: messageOf(error) }, 'the other authority is still away')
      return false
    }
  }
}
