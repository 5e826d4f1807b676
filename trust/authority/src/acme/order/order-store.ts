import type { DatabaseSync } from 'node:sqlite'
import { ORDERS_PER_PAGE } from '../limits.ts'
import type { AcmeProblem } from '../problem.ts'
import type { Authorization, KeptProblem, Order } from './order.ts'

interface Row {
  id: string
  account: string
  status: Order['status']
  names: string
  authorizations: string
  not_before: number | null
  not_after: number | null
  replaces: string | null
  csr: Uint8Array | null
  serial: string | null
  problem: string | null
  created_at: number
  expires_at: number
}

/** Orders in the authority's database. What changes something is called within a `write` of the store. */
export class OrderStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  find(id: string): Order | undefined {
    const row = this.#db.prepare('SELECT * FROM acme_orders WHERE id = ?').get(id)
    return row === undefined ? undefined : toOrder(row as unknown as Row)
  }

  insert(order: Omit<Order, 'status' | 'csr' | 'serial' | 'problem'>): void {
    const sql = `INSERT INTO acme_orders
      (id, account, status, names, authorizations, not_before, not_after, replaces, created_at, expires_at)
      VALUES (?, ?, 'pending', ?, ?, ?, ?, ?, ?, ?)`
    const { id, account, names, authorizations, createdAt, expiresAt } = order
    this.#db
      .prepare(sql)
      .run(
        ...[id, account, JSON.stringify(names), JSON.stringify(authorizations)],
        ...[order.notBefore ?? null, order.notAfter ?? null, order.replaces ?? null],
        ...[createdAt, expiresAt],
      )
  }

  /** Ids of an account's orders that are not over, after `after`, and one more than a page where there are. */
  idsOf(account: string, after: string, now: number): string[] {
    const sql = `SELECT id FROM acme_orders WHERE account = ? AND id > ?
      AND (status IN ('valid', 'processing') OR (status = 'pending' AND expires_at > ?))
      ORDER BY id LIMIT ?`
    const rows = this.#db.prepare(sql).all(account, after, now, ORDERS_PER_PAGE + 1)
    return rows.map((row) => String(row.id))
  }

  countSince(account: string, since: number): number {
    const sql = 'SELECT count(*) AS n FROM acme_orders WHERE account = ? AND created_at > ?'
    return (this.#db.prepare(sql).get(account, since) as { n: number }).n
  }

  countOpen(account: string, now: number): number {
    const sql = `SELECT count(*) AS n FROM acme_orders
      WHERE account = ? AND status = 'pending' AND expires_at > ?`
    return (this.#db.prepare(sql).get(account, now) as { n: number }).n
  }

  /** Orders that a crash, or a stop, left in the middle. */
  processing(): Order[] {
    const rows = this.#db.prepare("SELECT * FROM acme_orders WHERE status = 'processing'").all()
    return rows.map((row) => toOrder(row as unknown as Row))
  }

  /** Whether an order that still counts takes the place of this certificate. */
  replacing(certificateId: string, now: number): boolean {
    const sql = `SELECT 1 FROM acme_orders WHERE replaces = ? AND (status IN ('valid', 'processing')
      OR (status = 'pending' AND expires_at > ?)) LIMIT 1`
    return this.#db.prepare(sql).get(certificateId, now) !== undefined
  }

  /** An authorization that cannot be valid any more ends the open orders that ask for it. */
  endThoseWith({ id, account }: Pick<Authorization, 'id' | 'account'>): void {
    const sql = `UPDATE acme_orders SET status = 'invalid'
      WHERE account = ? AND status = 'pending' AND instr(authorizations, ?) > 0`
    this.#db.prepare(sql).run(account, JSON.stringify(id))
  }

  setProcessing(id: string, csr: Buffer): void {
    const sql = "UPDATE acme_orders SET status = 'processing', csr = ? WHERE id = ?"
    this.#db.prepare(sql).run(csr, id)
  }

  setValid(id: string, serial: string): void {
    const sql = "UPDATE acme_orders SET status = 'valid', serial = ? WHERE id = ?"
    this.#db.prepare(sql).run(serial, id)
  }

  setInvalid(id: string, problem: AcmeProblem): void {
    const sql = "UPDATE acme_orders SET status = 'invalid', problem = ? WHERE id = ?"
    this.#db.prepare(sql).run(JSON.stringify(problem), id)
  }
}

function toOrder(row: Row): Order {
  return {
    ...{ id: row.id, account: row.account, status: row.status },
    names: JSON.parse(row.names) as string[],
    authorizations: JSON.parse(row.authorizations) as string[],
    notBefore: row.not_before ?? undefined,
    notAfter: row.not_after ?? undefined,
    replaces: row.replaces ?? undefined,
    csr: row.csr === null ? undefined : Buffer.from(row.csr),
    serial: row.serial ?? undefined,
    problem: row.problem === null ? undefined : (JSON.parse(row.problem) as KeptProblem),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}
