import type { Log } from '@countersign/ground/telemetry'
import type { TokenState } from '../domain/token-book.ts'
import { AuthorityError } from '../errors.ts'
import type { JoinTokens } from './join-tokens.ts'
import { type Peer, PeerLine } from './peer-line.ts'

/*
 * Keeps the tokens of all authorities together.
 *
 * - a token that is minted here is told to every other authority
 * - one that is used here is spent at all of them first: whoever says that it was spent there before ends the matter
 * - who uses a token tells everybody of it himself; nobody passes that word on while it may be under way, or it would
 *   come back as somebody else's news
 * - what could not be told is told when the other is back; at the start everything is
 *
 * While authorities cannot reach each other each goes on: joining stays possible, and for that time a token could be
 * used once on each side. Two that use one token at the same moment, and both reach a third, get it once at most.
 */
export class PeerSync {
  readonly #tokens: JoinTokens
  readonly #lines: readonly PeerLine[]
  /** Tokens that are being used at this moment: of two requests with one token, the second is refused. */
  readonly #spending = new Set<string>()

  constructor(options: { tokens: JoinTokens; peers: readonly Peer[]; log: Log }) {
    const { tokens, peers, log } = options
    this.#tokens = tokens
    this.#lines = peers.map((peer) => new PeerLine({ tokens, peer, log }))
  }

  /** Words that have not reached whom they are for. */
  get untold(): number {
    return this.#lines.reduce((sum, line) => sum + line.untold, 0)
  }

  /**
   * Uses a token up, at the other authorities and then here. Throws `AuthorityError` TOKEN_REFUSED where it was spent
   * at any. The others hear of it from this word and nowhere else: until they have, what we tell and answer about the
   * token says that it is fresh, or they would take our own word for news that they have already. A crash in between
   * costs the token, never a second use: nothing has been signed yet.
   */
  async spend(hash: string): Promise<void> {
    if (this.#spending.has(hash)) throw new AuthorityError('TOKEN_REFUSED', 'SPENT')
    this.#spending.add(hash)
    try {
      for (const line of this.#lines) line.forget(hash)
      const state = this.#tokens.stateOf(hash)
      if (state !== undefined && !state.spent) {
        const word = { ...state, spent: true }
        if (await this.tell(hash, word)) {
          await this.#tokens.learn(hash, word)
          throw new AuthorityError('TOKEN_REFUSED', 'SPENT at another authority')
        }
      }
      await this.#tokens.spend(hash)
    } finally {
      this.#spending.delete(hash)
    }
  }

  /** Tells the others of a token. True: it was spent at one of them before. False also where nobody answers. */
  async tell(hash: string, state: TokenState): Promise<boolean> {
    const answers = await Promise.all(this.#lines.map((line) => line.tell(hash, state)))
    return answers.includes(true)
  }

  /** Another authority's word about a token. Durable on return. Says whether it was spent here before. */
  async hear(hash: string, said: TokenState): Promise<{ readonly spent: boolean }> {
    // Whoever spends a token tells everybody; our own telling would overtake that.
    if (said.spent) for (const line of this.#lines) line.forget(hash)
    return await this.#tokens.learn(hash, said)
  }

  close(): void {
    for (const line of this.#lines) line.close()
  }
}
