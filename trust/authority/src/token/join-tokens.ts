import type { Log } from '@countersign/ground/telemetry'
import {
  checkToken,
  forgetExpired,
  isJoinable,
  merge,
  type TokenBook,
  type TokenState,
} from '../domain/token-book.ts'
import { AuthorityError } from '../errors.ts'
import { PEER_SKEW_MS, TOKEN_LIFETIME_MS_MAX, TOKENS_MAX } from '../limits.ts'
import { readBootstrapToken } from './bootstrap-token.ts'
import { generateToken, hashToken, isTokenHash } from './token.ts'
import { TokenFile } from './token-file.ts'

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
  readonly #file: TokenFile
  readonly #now: () => number

  private constructor(opened: { file: TokenFile; book: TokenBook }, now: () => number) {
    this.#book = opened.book
    this.#file = opened.file
    this.#now = now
  }

  static async open(folder: string, options: { now: () => number; log: Log }): Promise<JoinTokens> {
    const first = await readBootstrapToken(folder)
    const tokens = new JoinTokens(await TokenFile.open(folder, options.now()), options.now)
    if (first === undefined || !(options.now() < first.state.expiresAt)) return tokens
    try {
      await tokens.learn(first.hash, first.state)
    } catch (error) {
      await tokens.close()
      throw error
    }
    options.log.info({ for: first.state.name }, 'a bootstrap token is in place')
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
    await this.#file.append(hash, spent, this.#book)
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
    if (!isSame(known, state)) await this.#file.append(hash, state, this.#book)
    return { spent: known?.spent ?? false }
  }

  stateOf(hash: string): TokenState | undefined {
    return this.#book.get(hash)
  }

  /** Everything that still counts. */
  all(): readonly (readonly [hash: string, state: TokenState])[] {
    forgetExpired(this.#book, this.#now())
    return [...this.#book]
  }

  close(): Promise<void> {
    return this.#file.close()
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
