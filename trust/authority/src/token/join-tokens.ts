import type { Log } from '@countersign/ground/telemetry'
import {
  checkToken,
  forgetExpired,
  isJoinable,
  merge,
  type TokenBook,
  type TokenRefusal,
  type TokenState,
} from '../domain/token-book.ts'
import { AuthorityError } from '../errors.ts'
import { PEER_SKEW_MS, TOKEN_LIFETIME_MS_MAX, TOKENS_MAX } from '../limits.ts'
import type { Store } from '../store/store.ts'
import { readBootstrapToken } from './bootstrap-token.ts'
import { generateToken, hashToken, isTokenHash } from './token.ts'
import { TokenTable } from './token-table.ts'

export interface Minted {
  /** The token itself: seen here once, and never again. */
  readonly token: string
  readonly hash: string
  readonly state: TokenState
}

/**
 * The join tokens that this authority knows. What it says about a token is durable before it says it: a token that was
 * spent stays spent after a crash.
 */
export class JoinTokens {
  readonly #book: TokenBook
  readonly #table: TokenTable
  readonly #now: () => number

  private constructor(table: TokenTable, now: () => number) {
    this.#table = table
    this.#book = table.read(now())
    this.#now = now
  }

  /** `folder`: where the first token may lie. */
  static async open(options: {
    store: Store
    folder: string
    now: () => number
    log: Log
  }): Promise<JoinTokens> {
    const { store, folder, now, log } = options
    const first = await readBootstrapToken(folder)
    const tokens = new JoinTokens(new TokenTable(store, now), now)
    if (first === undefined || !(now() < first.state.expiresAt)) return tokens
    await tokens.learn(first.hash, first.state)
    log.info({ for: first.state.name }, 'a bootstrap token is in place')
    return tokens
  }

  /** Makes a token. Throws `AuthorityError` TOKEN_REFUSED, TOKENS_FULL. */
  async mint(name: string, ttlMs: number): Promise<Minted> {
    const token = generateToken()
    const hash = hashToken(token)
    const state = { name, expiresAt: this.#now() + ttlMs, spent: false }
    await this.learn(hash, state)
    return { token, hash, state }
  }

  /** What is known of a token that may be used. Throws `AuthorityError` TOKEN_REFUSED. Changes nothing. */
  find(token: string): { readonly hash: string; readonly state: TokenState } {
    const hash = hashToken(token)
    const state = this.#book.get(hash)
    const refusal = checkToken(state, this.#now())
    if (state === undefined || refusal !== undefined) throw refused(refusal ?? 'UNKNOWN')
    return { hash, state }
  }

  /** Uses a token up. Of two callers at once only one succeeds. Throws `AuthorityError` TOKEN_REFUSED. */
  async spend(hash: string): Promise<TokenState> {
    const state = this.#book.get(hash)
    const refusal = checkToken(state, this.#now())
    if (state === undefined || refusal !== undefined) throw refused(refusal ?? 'UNKNOWN')
    const spent = { ...state, spent: true }
    // In memory first and at once: nobody else finds it fresh while the disk writes.
    this.#book.set(hash, spent)
    await this.#table.put(hash, spent)
    return spent
  }

  /** Takes in a word about a token, from the other authority or from the owner of the folder. Says whether it was spent before. */
  async learn(hash: string, said: TokenState): Promise<{ readonly spent: boolean }> {
    if (!isTokenHash(hash) || !isJoinable(said.name)) throw refused('nobody joins under this name')
    const now = this.#now()
    if (!(said.expiresAt <= now + TOKEN_LIFETIME_MS_MAX + PEER_SKEW_MS))
      throw refused('it lives too long')
    const known = this.#book.get(hash)
    if (known === undefined) this.#makeRoom(now)
    const state = merge(known, said)
    this.#book.set(hash, state)
    if (!isSame(known, state)) await this.#table.put(hash, state)
    return { spent: known?.spent ?? false }
  }

  /**
   * Takes in a token of somebody else's making, which has been verified, when it is first seen. In memory only: it is
   * put on disk when it is spent, and until then nothing has come of it. Throws `AuthorityError` TOKEN_REFUSED where
   * it was seen and spent before.
   */
  admit(hash: string, said: Omit<TokenState, 'spent'>): TokenState {
    const now = this.#now()
    const known = this.#book.get(hash)
    const state = merge(known, { ...said, spent: false })
    const refusal = checkToken(state, now)
    if (refusal !== undefined) throw refused(refusal)
    if (!isTokenHash(hash) || !isJoinable(said.name)) throw refused('nobody joins under this name')
    if (!(said.expiresAt <= now + TOKEN_LIFETIME_MS_MAX + PEER_SKEW_MS))
      throw refused('it lives too long')
    if (known === undefined) this.#makeRoom(now)
    this.#book.set(hash, state)
    return state
  }

  /** Why a token may not be used; `undefined` where it may. */
  refusalOf(hash: string): TokenRefusal | undefined {
    return checkToken(this.#book.get(hash), this.#now())
  }

  stateOf(hash: string): TokenState | undefined {
    return this.#book.get(hash)
  }

  /** Everything that still counts. */
  all(): readonly (readonly [hash: string, state: TokenState])[] {
    forgetExpired(this.#book, this.#now())
    return [...this.#book]
  }

  #makeRoom(now: number): void {
    if (this.#book.size >= TOKENS_MAX) forgetExpired(this.#book, now)
    if (this.#book.size < TOKENS_MAX) return
    throw new AuthorityError('TOKENS_FULL', `there are ${TOKENS_MAX} join tokens already`)
  }
}

function isSame(known: TokenState | undefined, state: TokenState): boolean {
  return known?.spent === state.spent && known.expiresAt === state.expiresAt
}

function refused(why: string): AuthorityError {
  return new AuthorityError('TOKEN_REFUSED', why)
}
