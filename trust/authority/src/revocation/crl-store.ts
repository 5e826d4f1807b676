import { createHash } from 'node:crypto'
import type { StatementSync } from 'node:sqlite'
import type { RevocationReason } from '@countersign/contract/platform'
import type { Store } from '../store/store.ts'
import type { RevokedCertificate } from './revocation-store.ts'

/** A list of revoked certificates as it is served. Times in milliseconds since 1970. */
export interface Crl {
  /** Key id of the CA that signed it. */
  readonly issuer: string
  readonly number: number
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly der: Buffer
}
export type CrlEntry = Pick<RevokedCertificate, 'serial' | 'at' | 'reason'>

/** The table of lists, and what is to be on them. What writes is called inside of `Store.write`. */
export class CrlStore {
  readonly #db: Store['db']
  readonly #put: StatementSync
  readonly #entries: StatementSync
  readonly #number: StatementSync
  readonly #import: StatementSync

  constructor({ db }: Store) {
    this.#db = db
    this.#put = db.prepare(`INSERT INTO crls (issuer, number, this_update, next_update, der)
      VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number,
      this_update = excluded.this_update, next_update = excluded.next_update, der = excluded.der`)
    this.#entries = db.prepare(
      'SELECT serial, at, reason FROM revoked_certificates WHERE issuer = ? ORDER BY serial',
    )
    this.#number = db.prepare('SELECT number FROM crls WHERE issuer = ?')
    this.#import = db.prepare(`INSERT INTO revoked_certificates
      (serial, issuer, at, reason, not_after) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)
  }

  all(): Crl[] {
    const rows = this.#db.prepare('SELECT issuer, number, this_update, next_update, der FROM crls')
    return rows.all().map((row) => ({
      issuer: String(row.issuer),
      number: Number(row.number),
      thisUpdate: Number(row.this_update),
      nextUpdate: Number(row.next_update),
      der: Buffer.from(row.der as Uint8Array),
    }))
  }
  /** Of the last list of an issuer; 0 where there was none. */
  numberOf(issuer: string): number {
    return Number(this.#number.get(issuer)?.number ?? 0)
  }
  entries(issuer: string): CrlEntry[] {
    return this.#entries.all(issuer).map(({ serial, at, reason }) => ({
      serial: String(serial),
      at: Number(at),
      reason: reason as RevocationReason,
    }))
  }
  put({ issuer, number, thisUpdate, nextUpdate, der }: Crl): void {
    this.#put.run(issuer, number, thisUpdate, nextUpdate, der)
  }
  /** Entries that are there already stay as they are. */
  add(certificates: readonly RevokedCertificate[]): void {
    for (const { serial, issuer, at, reason, notAfter } of certificates)
      this.#import.run(serial, issuer, at, reason, notAfter)
  }
  remove(issuer: string): void {
    this.#db.prepare('DELETE FROM crls WHERE issuer = ?').run(issuer)
  }
}

/** The same for the same entries. */
export function hashOfEntries(entries: readonly CrlEntry[]): string {
  const hash = createHash('sha256')
  for (const { serial, at, reason } of entries) hash.update(`${serial} ${at} ${reason}\n`)
  return hash.digest('hex')
}
