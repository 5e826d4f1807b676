import { ISSUED_KEPT_MS, ISSUED_PRUNE_EVERY, ISSUED_PRUNE_ROWS } from '../limits.ts'
import type { Store } from '../store/store.ts'
import type { Intent } from './issued-record.ts'

/** Who says that he shows a certificate. */
interface Claimant {
  readonly instance: string
  /** SPIFFE id that he has proven. */
  readonly id: string
}
/** Writes the record of certificates. Everything is durable when its promise resolves. */
export interface IssuedWriter {
  /** Before a signature. Rejects where the serial has been used. */
  intend(intent: Intent): Promise<void>
  /** After it, before the certificate leaves. Rejects unless there is an open intent. */
  complete(serial: string, certificate: Buffer): Promise<void>
  /** There will be no certificate. Does nothing to a row that is closed already. */
  fail(serial: string, reason: string): Promise<void>
  /** Closes what a crash left open. Only at a start: until then it may be work in progress. Says how many there were. */
  abandonAll(): Promise<number>
  /**
   * Notes that an instance shows this certificate. Cheap to repeat; what is not on record here is nobody's business, and
   * one that was made for another name is not his to claim.
   */
  claim(serial: string, by: Claimant): Promise<void>
  /** Notes that the audit log has been told of this row. */
  told(serial: string): Promise<void>
}

/** The writer of an open store. There is one in a process. */
export function createIssuedWriter(store: Store, now: () => number): IssuedWriter {
  const sql = prepareStatements(store)
  const prune = () => sql.prune.run(now() - ISSUED_KEPT_MS, ISSUED_PRUNE_ROWS)
  let intents = 0
  return {
    intend: (intent) =>
      store.write(() => {
        sql.intend.run(...valuesOf(intent))
        // More rows go than come, so the table stays as small as what it has to remember.
        if (intents++ % ISSUED_PRUNE_EVERY === 0) prune()
      }),
    complete: (serial, certificate) =>
      store.write(() => {
        const { changes } = sql.complete.run(certificate, serial)
        if (changes !== 1) throw new Error(`broken invariant: there is no open intent ${serial}`)
      }),
    fail: (serial, reason) => store.write(() => void sql.fail.run(reason.slice(0, 1_024), serial)),
    abandonAll: () => store.write(() => Number(sql.abandon.run().changes)),
    claim: async (serial, { instance, id }) => {
      const row = sql.claimant.get(serial)
      if (row === undefined || row.claimed_by !== null) return
      // A door's certificate is for host names; an SVID is for the name that its holder proves.
      if (String(row.name).startsWith('spiffe://') && row.name !== id) return
      await store.write(() => void sql.claim.run(instance, now(), serial))
    },
    told: (serial) => store.write(() => void sql.told.run(now(), serial)),
  }
}

function prepareStatements({ db }: Store) {
  return {
    intend: db.prepare(`INSERT INTO issued (serial, lineage, issuer, name, kind, state, not_before,
      not_after, asked_at, asker, key_hash) VALUES (?, ?, ?, ?, ?, 'intent', ?, ?, ?, ?, ?)`),
    complete: db.prepare(
      `UPDATE issued SET state = 'issued', certificate = ? WHERE serial = ? AND state = 'intent'`,
    ),
    fail: db.prepare(
      `UPDATE issued SET state = 'failed', reason = ? WHERE serial = ? AND state = 'intent'`,
    ),
    abandon: db.prepare(`UPDATE issued SET state = 'abandoned' WHERE state = 'intent'`),
    claimant: db.prepare(
      `SELECT claimed_by, name FROM issued WHERE serial = ? AND state = 'issued'`,
    ),
    claim: db.prepare(
      'UPDATE issued SET claimed_by = ?, claimed_at = ? WHERE serial = ? AND claimed_by IS NULL',
    ),
    told: db.prepare('UPDATE issued SET told_at = ? WHERE serial = ?'),
    prune: db.prepare(`DELETE FROM issued WHERE serial IN
      (SELECT serial FROM issued WHERE not_after < ? ORDER BY not_after LIMIT ?)`),
  }
}

function valuesOf(intent: Intent): (string | number | null)[] {
  const { serial, lineage, issuer, name, kind, notBefore, notAfter, askedAt } = intent
  const { asker = null, keyHash } = intent
  return [serial, lineage, issuer, name, kind, notBefore, notAfter, askedAt, asker, keyHash]
}
