/*
 * What an authority knows of join tokens. It knows hashes only: who reads its folder cannot join.
 *
 * - a token is for one name, until it expires, once
 * - spent is final: no later word makes it fresh again
 * - two words about one token keep the earlier end, and the first name
 * - a token that has expired is forgotten
 */
export interface TokenState {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly spent: boolean
}
/** By the base64url SHA-256 of the token. */
export type TokenBook = Map<string, TokenState>
export type TokenRefusal = 'UNKNOWN' | 'EXPIRED' | 'SPENT'

/** Whether a token may still be used. */
export function checkToken(state: TokenState | undefined, now: number): TokenRefusal | undefined {
  if (state === undefined) return 'UNKNOWN'
  if (!(now < state.expiresAt)) return 'EXPIRED'
  return state.spent ? 'SPENT' : undefined
}

/** What is known after a further word about a token. */
export function merge(known: TokenState | undefined, said: TokenState): TokenState {
  if (known === undefined) return said
  return {
    name: known.name,
    expiresAt: Math.min(known.expiresAt, said.expiresAt),
    // Two names for one token cannot be: whoever says so is wrong, and nobody joins with it.
    spent: known.spent || said.spent || known.name !== said.name,
  }
}

/** Forgets what has expired. */
export function forgetExpired(book: TokenBook, now: number): void {
  for (const [hash, { expiresAt }] of book) if (!(now < expiresAt)) book.delete(hash)
}

/** The authority makes its own certificate: nobody can join under its name. */
export function isJoinable(name: string): boolean {
  return name !== 'authority'
}
