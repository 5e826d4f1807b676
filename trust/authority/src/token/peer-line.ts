import { messageOf } from '@countersign/ground/errors'
import type { Log } from '@countersign/ground/telemetry'
import type { TokenState } from '../domain/token-book.ts'
import { PEER_RETRY_MS_MAX, PEER_RETRY_MS_MIN } from '../limits.ts'
import type { JoinTokens } from './join-tokens.ts'

/**
 * Another authority. `share` tells it of a token, durably on return, and says whether the token was spent there
 * before. Safe to repeat. Rejects within a second where nobody answers.
 */
export interface Peer {
  share(hash: string, state: TokenState): Promise<{ readonly spent: boolean }>
}

/** What one other authority has yet to hear, and the rounds in which it is told. */
export class PeerLine {
  readonly #tokens: JoinTokens
  readonly #peer: Peer
  readonly #log: Log
  /** Bounded by the tokens there are. */
  readonly #untold = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #failures = 0
  #closed = false

  constructor({ tokens, peer, log }: { tokens: JoinTokens; peer: Peer; log: Log }) {
    this.#tokens = tokens
    this.#peer = peer
    this.#log = log
    for (const [hash] of tokens.all()) this.#untold.add(hash)
    this.#plan()
  }

  get untold(): number {
    return this.#untold.size
  }

  /** There is a better word about this token, which somebody else brings. */
  forget(hash: string): void {
    this.#untold.delete(hash)
  }

  /** True: the token was spent there before. False also where nobody answers; then it is told later. */
  async tell(hash: string, state: TokenState): Promise<boolean> {
    try {
      const { spent } = await this.#peer.share(hash, state)
      this.#untold.delete(hash)
      return spent
    } catch (error) {
      this.#log.warn(
        { why: messageOf(error) },
        'another authority does not answer; it is told later',
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
      // Spent meanwhile: that word is its spender's to say, and said twice it would look like somebody else's.
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
      const { spent } = await this.#peer.share(hash, state)
      if (spent && !state.spent) await this.#tokens.learn(hash, { ...state, spent })
      // It may have been spent here while this was under way; then the other has yet to hear of that.
      if (this.#tokens.stateOf(hash)?.spent === (spent || state.spent)) this.#untold.delete(hash)
      return true
    } catch (error) {
      this.#log.debug({ why: messageOf(error) }, 'another authority is still away')
      return false
    }
  }
}
