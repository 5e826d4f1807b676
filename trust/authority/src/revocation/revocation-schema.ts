/*
 * What was taken back. Times in milliseconds since 1970; `over`: how many sweeps in a row found the row's time over.
 *
 * `revocations`: see `revocation.ts`. `compromised_keys`: never certified again, never forgotten.
 * `revoked_certificates`: what the lists (CRL) of this authority's own CAs hold, one row a certificate.
 * `crls`: the last list of each CA; the number of a list is never used for another.
 */
export const revocationSchema = `
CREATE TABLE revocations (
  scope TEXT NOT NULL,
  "of" TEXT NOT NULL,
  at INTEGER NOT NULL,
  until INTEGER NOT NULL,
  reason TEXT NOT NULL,
  by TEXT NOT NULL,
  over INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (scope, "of")
) STRICT, WITHOUT ROWID;
CREATE TABLE compromised_keys (hash TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE revoked_certificates (
  serial TEXT PRIMARY KEY,
  issuer TEXT NOT NULL,
  at INTEGER NOT NULL,
  reason TEXT NOT NULL,
  not_after INTEGER NOT NULL,
  over INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_certificates_issuer ON revoked_certificates (issuer, serial);
CREATE TABLE crls (
  issuer TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  this_update INTEGER NOT NULL,
  next_update INTEGER NOT NULL,
  der BLOB NOT NULL
) STRICT
`
