import type { StatementSync } from 'node:sqlite'
import { ISSUED_LIST_MAX } from '../limits.ts'
import type { Store } from '../store/store.ts'
import type { IssueKind } from './issue-request.ts'
import { type IssuedRecord, type IssuedState, readRow } from './issued-record.ts'

export interface IssuedFilter {
  readonly serial?: string
  readonly lineage?: string
  /** SPIFFE id; or one of the host names of a server certificate. */
  readonly name?: string
  readonly kind?: IssueKind
  readonly issuer?: string
  readonly keyHash?: string
  /** As it was said when the certificate was asked for. */
  readonly asker?: string
  /** Certificates that have not ended at this time. Milliseconds since 1970. */
  readonly validAt?: number
  /** `issued` where nothing is said: certificates that exist. */
  readonly state?: IssuedState | 'any'
  /** 1000 where nothing is said, 10000 at most. */
  readonly limit?: number
}
/** The certificates on record, for whoever may look and not touch. */
export interface IssuedReader {
  find(serial: string): IssuedRecord | undefined
  /** Those that end last come first. */
  list(filter: IssuedFilter): IssuedRecord[]
  /** Certificates of a workload, not expired, that no instance has reported `olderThanMs` after they were asked for. */
  unclaimed(name: string, olderThanMs: number): IssuedRecord[]
}

const COLUMNS = `serial, lineage, issuer, name, kind, state, not_before, not_after, asked_at, asker, key_hash,
  certificate, reason, claimed_by`
/** Kinds that a workload holds and reports. An authority's own it has made itself; others are outside of the mesh. */
export const REPORTED_KINDS = `('join', 'renew')`

/** Reads the table of certificates. Bounded: no list is longer than its limit. */
export function createIssuedReader({ db }: Store, now: () => number): IssuedReader {
  const statements = new Map<string, StatementSync>()
  const find = db.prepare(`SELECT ${COLUMNS} FROM issued WHERE serial = ?`)
  const unclaimed = db.prepare(`SELECT ${COLUMNS} FROM issued INDEXED BY issued_nobodys
    WHERE name = ? AND not_after > ? AND state = 'issued' AND claimed_by IS NULL AND asked_at <= ?
      AND kind IN ${REPORTED_KINDS}
    ORDER BY not_after DESC LIMIT ${ISSUED_LIST_MAX}`)
  return {
    find: (serial) => {
      const row = find.get(serial)
      return row === undefined ? undefined : readRow(row)
    },
    list: (filter) => {
      const { sql, values } = toSql(filter)
      const statement = statements.get(sql) ?? db.prepare(sql)
      // As many as there are ways to combine filters.
      statements.set(sql, statement)
      return statement.all(...values).map(readRow)
    },
    unclaimed: (name, olderThanMs) => unclaimed.all(name, now(), now() - olderThanMs).map(readRow),
  }
}

function toSql(filter: IssuedFilter): { sql: string; values: (string | number)[] } {
  const conditions: string[] = []
  const values: (string | number)[] = []
  const add = (condition: string, value: string | number | undefined): void => {
    if (value === undefined) return
    conditions.push(condition)
    values.push(value)
  }
  add('serial = ?', filter.serial)
  add('lineage = ?', filter.lineage)
  add(nameCondition(filter.name), filter.name)
  add('asker = ?', filter.asker)
  add('kind = ?', filter.kind)
  add('issuer = ?', filter.issuer)
  add('key_hash = ?', filter.keyHash)
  add('not_after > ?', filter.validAt)
  const { state = 'issued' } = filter
  add('state = ?', state === 'any' ? undefined : state)
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
  values.push(Math.min(filter.limit ?? 1_000, ISSUED_LIST_MAX))
  return { sql: `SELECT ${COLUMNS} FROM issued ${where} ORDER BY not_after DESC LIMIT ?`, values }
}

/** Workloads are found by the index; host names stand in lists, which are few. */
function nameCondition(name: string | undefined): string {
  return name?.startsWith('spiffe://') === true
    ? 'name = ?'
    : `instr(',' || name || ',', ',' || ? || ',') > 0`
}
