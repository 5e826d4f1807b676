import type { DatabaseSync } from 'node:sqlite'

/** A certificate that an account holds. */
export interface HeldCertificate {
  /** Lower case hex. */
  readonly serial: string
  readonly account: string
  /** Key id of its issuer, hex. */
  readonly issuer: string
  /** PEM, leaf first, without the root. */
  readonly chain: string
  readonly notBefore: number
  readonly notAfter: number
  readonly names: readonly string[]
}

/** Certificates by serial; the table of issued ones has the record of each. Changes happen within a `write`. */
export class CertificateStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  find(serial: string): HeldCertificate | undefined {
    const row = this.#db.prepare('SELECT * FROM acme_certificates WHERE serial = ?').get(serial)
    if (row === undefined) return undefined
    const names = this.#db.prepare('SELECT name FROM acme_names WHERE serial = ?').all(serial)
    return {
      serial,
      account: String(row.account),
      issuer: String(row.issuer),
      chain: String(row.chain),
      notBefore: Number(row.not_before),
      notAfter: Number(row.not_after),
      names: names.map(({ name }) => String(name)),
    }
  }

  insert(certificate: HeldCertificate, now: number): void {
    const { serial, account, issuer, chain, notBefore, notAfter, names } = certificate
    this.#db
      .prepare('INSERT INTO acme_certificates VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(serial, account, issuer, chain, notBefore, notAfter, now)
    const each = this.#db.prepare('INSERT INTO acme_names VALUES (?, ?, ?)')
    for (const name of names) each.run(name, serial, now)
  }

  /** Of a name, since then; and when the oldest of them was. */
  countFor(name: string, since: number): { readonly count: number; readonly oldest: number } {
    const sql = `SELECT count(*) AS count, min(issued_at) AS oldest FROM acme_names
      WHERE name = ? AND issued_at > ?`
    const row = this.#db.prepare(sql).get(name, since) as { count: number; oldest: number | null }
    return { count: row.count, oldest: row.oldest ?? since }
  }

  /** Other accounts that hold an unexpired certificate for one of these names. */
  otherHolders(names: readonly string[], account: string, now: number): string[] {
    const sql = `SELECT DISTINCT c.account FROM acme_names n JOIN acme_certificates c USING (serial)
      WHERE n.name = ? AND c.account <> ? AND c.not_after > ? LIMIT 16`
    const statement = this.#db.prepare(sql)
    const found = names.flatMap((name) => statement.all(name, account, now))
    return [...new Set(found.map((row) => String(row.account)))]
  }
}
