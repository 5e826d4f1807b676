import type { StatementSync } from 'node:sqlite'
import type { TokenBook, TokenState } from '../domain/token-book.ts'
import { TOKENS_PRUNE_EVERY } from '../limits.ts'
import type { Store } from '../store/store.ts'

/** The book of tokens in the store. What is spent there stays so, and an end only comes nearer. */
export class TokenTable {
  readonly #store: Store
  readonly #now: () => number
  readonly #put: StatementSync
  readonly #forget: StatementSync
  #puts = 0

  constructor(store: Store, now: () => number) {
    this.#store = store
    this.#now = now
    this.#put =
      store.db.prepare(`INSERT INTO join_tokens (hash, name, expires_at, spent) VALUES (?, ?, ?, ?)
      ON CONFLICT (hash) DO UPDATE SET
        expires_at = min(expires_at, excluded.expires_at), spent = max(spent, excluded.spent)`)
    this.#forget = store.db.prepare('DELETE FROM join_tokens WHERE expires_at <= ?')
  }

  /** What still counts. */
  read(now: number): TokenBook {
    const sql = 'SELECT hash, name, expires_at, spent FROM join_tokens WHERE expires_at > ?'
    const rows = this.#store.db.prepare(sql).all(now)
    return new Map(
      rows.map((row) => [
        String(row.hash),
        { name: String(row.name), expiresAt: Number(row.expires_at), spent: row.spent === 1 },
      ]),
    )
  }

  /** Durable when it resolves. */
  put(hash: string, { name, expiresAt, spent }: TokenState): Promise<void> {
    return this.#store.write(() => {
      if (this.#puts++ % TOKENS_PRUNE_EVERY === 0) this.#forget.run(this.#now())
      this.#put.run(hash, name, expiresAt, spent ? 1 : 0)
    })
  }
}
