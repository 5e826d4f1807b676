import type { StatementSync } from 'node:sqlite'
import type { RevocationReason } from '@countersign/contract/platform'
import type { Store } from '../store/store.ts'
import { CRL_KEEP_AFTER_MS, KEEP_AFTER_MS, SWEEPS_TO_GO } from './limits.ts'
import { keyOf, type Revocation, type RevocationScope } from './revocation.ts'
import type { CompromisedKey } from './revocation-book.ts'

/** A certificate of one of our own CAs that is on its list. */
export interface RevokedCertificate {
  readonly serial: string
  /** Key id of the CA. */
  readonly issuer: string
  readonly at: number
  readonly reason: RevocationReason
  readonly notAfter: number
}

/** What one act changes, all of it or nothing. */
export interface Change {
  readonly rows: readonly Revocation[]
  readonly keys: readonly CompromisedKey[]
  readonly certificates: readonly RevokedCertificate[]
}

const INTO = {
  rows: `INSERT INTO revocations (scope, "of", at, until, reason, by) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET at = excluded.at, until = excluded.until, reason = excluded.reason,
      by = excluded.by, over = 0`,
  keys: `INSERT INTO compromised_keys (hash, at) VALUES (?, ?)
    ON CONFLICT DO UPDATE SET at = excluded.at`,
  certificates: `INSERT INTO revoked_certificates (serial, issuer, at, reason, not_after)
    VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET at = min(at, excluded.at), reason = CASE
      WHEN excluded.reason = 'keyCompromise' OR excluded.at < at THEN excluded.reason
      ELSE reason END`,
}

/** The tables of revocations. What writes is called inside of `Store.write`. */
export class RevocationStore {
  readonly #db: Store['db']
  readonly #into: Readonly<Record<keyof typeof INTO, StatementSync>>

  constructor({ db }: Store) {
    this.#db = db
    this.#into = {
      rows: db.prepare(INTO.rows),
      keys: db.prepare(INTO.keys),
      certificates: db.prepare(INTO.certificates),
    }
  }

  rows(): Revocation[] {
    const rows = this.#db
      .prepare('SELECT scope, "of", at, until, reason, by FROM revocations')
      .all()
    return rows.map((row) => ({
      scope: row.scope as RevocationScope,
      of: String(row.of),
      at: Number(row.at),
      until: Number(row.until),
      reason: row.reason as RevocationReason,
      by: String(row.by),
    }))
  }
  keys(): CompromisedKey[] {
    const rows = this.#db.prepare('SELECT hash, at FROM compromised_keys ORDER BY at').all()
    return rows.map(({ hash, at }) => ({ hash: String(hash), at: Number(at) }))
  }

  write({ rows, keys, certificates }: Change): void {
    for (const { scope, of, at, until, reason, by } of rows)
      this.#into.rows.run(scope, of, at, until, reason, by)
    for (const { hash, at } of keys) this.#into.keys.run(hash, at)
    for (const { serial, issuer, at, reason, notAfter } of certificates)
      this.#into.certificates.run(serial, issuer, at, reason, notAfter)
  }

  /** Takes out what every sweep of the last hour found over. Returns the keys of rows that went. */
  sweep(now: number): string[] {
    this.#count('revocations', 'until', now - KEEP_AFTER_MS)
    this.#count('revoked_certificates', 'not_after', now - CRL_KEEP_AFTER_MS)
    this.#db.prepare('DELETE FROM revoked_certificates WHERE over >= ?').run(SWEEPS_TO_GO)
    const gone = this.#db
      .prepare('DELETE FROM revocations WHERE over >= ? RETURNING scope, "of"')
      .all(SWEEPS_TO_GO)
    return gone.map(({ scope, of }) => keyOf({ scope: scope as RevocationScope, of: String(of) }))
  }

  #count(table: string, end: string, before: number): void {
    this.#db.prepare(`UPDATE ${table} SET over = 0 WHERE ${end} >= ? AND over > 0`).run(before)
    this.#db.prepare(`UPDATE ${table} SET over = over + 1 WHERE ${end} < ?`).run(before)
  }
}
