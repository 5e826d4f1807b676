import type { DatabaseSync } from 'node:sqlite'
import { type AccountKey, accountKeyOf } from '../jws/account-key.ts'
import type { Account, NewAccount } from './account.ts'

interface Row {
  id: string
  thumbprint: string
  jwk: string
  status: Account['status']
  contacts: string
  key_id: string | null
  binding: string | null
  names: string | null
  created_at: number
}

/** Accounts in the authority's database. What changes something is called within a `write` of the store. */
export class AccountStore {
  readonly #db: DatabaseSync

  constructor(db: DatabaseSync) {
    this.#db = db
  }

  find(id: string): { account: Account; key: AccountKey } | undefined {
    const row = this.#db.prepare('SELECT * FROM acme_accounts WHERE id = ?').get(id)
    if (row === undefined) return undefined
    const account = toAccount(row as unknown as Row)
    return { account, key: accountKeyOf(JSON.parse((row as unknown as Row).jwk)) }
  }

  findByKey({ thumbprint }: AccountKey): Account | undefined {
    const sql = 'SELECT * FROM acme_accounts WHERE thumbprint = ?'
    const row = this.#db.prepare(sql).get(thumbprint)
    return row === undefined ? undefined : toAccount(row as unknown as Row)
  }

  count(): number {
    const row = this.#db.prepare('SELECT count(*) AS n FROM acme_accounts').get() as { n: number }
    return row.n
  }

  insert(account: NewAccount): void {
    const sql = `INSERT INTO acme_accounts
      (id, thumbprint, jwk, status, contacts, key_id, binding, names, created_at)
      VALUES (?, ?, ?, 'valid', ?, ?, ?, ?, ?)`
    const { id, key, contacts, keyId, binding, names, createdAt } = account
    this.#db
      .prepare(sql)
      .run(
        ...[id, key.thumbprint, JSON.stringify(key.jwk), JSON.stringify(contacts)],
        ...[keyId ?? null, binding ?? null, names === undefined ? null : JSON.stringify(names)],
        createdAt,
      )
  }

  setContacts(id: string, contacts: readonly string[]): void {
    const sql = 'UPDATE acme_accounts SET contacts = ? WHERE id = ?'
    this.#db.prepare(sql).run(JSON.stringify(contacts), id)
  }

  deactivate(id: string): void {
    this.#db.prepare("UPDATE acme_accounts SET status = 'deactivated' WHERE id = ?").run(id)
  }

  /** Fails where another account has this key. */
  setKey(id: string, key: AccountKey): void {
    const sql = 'UPDATE acme_accounts SET thumbprint = ?, jwk = ? WHERE id = ?'
    this.#db.prepare(sql).run(key.thumbprint, JSON.stringify(key.jwk), id)
  }
}

function toAccount(row: Row): Account {
  return {
    id: row.id,
    thumbprint: row.thumbprint,
    status: row.status,
    contacts: JSON.parse(row.contacts) as string[],
    keyId: row.key_id ?? undefined,
    binding: row.binding ?? undefined,
    names: row.names === null ? undefined : (JSON.parse(row.names) as string[]),
    createdAt: row.created_at,
  }
}
