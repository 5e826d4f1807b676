/*
 * One row a certificate, written twice: before it is signed (`intent`) and after (`issued`, `failed`). What a crash
 * leaves as `intent` becomes `abandoned` at the next start: nothing of it has left. Times in milliseconds since 1970.
 *
 * `key_hash`: SHA-256 of the public key, hex. `claimed_by`: the instance that says it shows this certificate.
 * `told_at`: when the audit log was told that the row was abandoned, or that nobody claims it.
 */
export const issuedSchema = `
CREATE TABLE issued (
  serial TEXT PRIMARY KEY,
  lineage TEXT NOT NULL,
  issuer TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('intent', 'issued', 'failed', 'abandoned')),
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,
  asker TEXT,
  key_hash TEXT NOT NULL,
  certificate BLOB,
  reason TEXT,
  claimed_by TEXT,
  claimed_at INTEGER,
  told_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX issued_lineage ON issued (lineage);
CREATE INDEX issued_name ON issued (name, not_after);
CREATE INDEX issued_issuer ON issued (issuer, not_after);
CREATE INDEX issued_end ON issued (not_after);
CREATE INDEX issued_key ON issued (key_hash);
CREATE INDEX issued_asker ON issued (asker);
CREATE INDEX issued_intent ON issued (asked_at) WHERE state = 'intent';
CREATE INDEX issued_abandoned ON issued (asked_at) WHERE state = 'abandoned' AND told_at IS NULL;
CREATE INDEX issued_unclaimed ON issued (asked_at)
  WHERE state = 'issued' AND claimed_by IS NULL AND told_at IS NULL
`

/** Every word to a workload asks for these: it must not read what is claimed. */
export const unclaimedSchema = `
CREATE INDEX issued_nobodys ON issued (name, asked_at)
  WHERE state = 'issued' AND claimed_by IS NULL
`
