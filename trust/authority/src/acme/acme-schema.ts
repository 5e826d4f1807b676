/*
 * What the ACME server knows. Times in milliseconds since 1970. Lists and problems are JSON texts.
 *
 * An order says `pending` until it is finalized: whether it is ready, or will never be, follows from its authorizations
 * and the time. An authorization belongs to an account and a name, and may serve several orders.
 */
export const acmeSchema = `
CREATE TABLE acme_keys (
  id TEXT PRIMARY KEY,
  label TEXT NOT NULL,
  names TEXT,
  sealed TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  account TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE acme_accounts (
  id TEXT PRIMARY KEY,
  thumbprint TEXT NOT NULL UNIQUE,
  jwk TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('valid', 'deactivated')),
  contacts TEXT NOT NULL,
  key_id TEXT,
  binding TEXT,
  names TEXT,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE acme_orders (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES acme_accounts (id),
  status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'valid', 'invalid')),
  names TEXT NOT NULL,
  authorizations TEXT NOT NULL,
  not_before INTEGER,
  not_after INTEGER,
  replaces TEXT,
  csr BLOB,
  serial TEXT,
  problem TEXT,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_orders_account ON acme_orders (account, created_at, id);
CREATE INDEX acme_orders_open ON acme_orders (status, expires_at);
CREATE INDEX acme_orders_replaces ON acme_orders (replaces) WHERE replaces IS NOT NULL;
CREATE TABLE acme_authorizations (
  id TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES acme_accounts (id),
  name TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'deactivated')),
  expires_at INTEGER NOT NULL,
  decided_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_authorizations_name ON acme_authorizations (account, name, status, expires_at);
CREATE INDEX acme_authorizations_end ON acme_authorizations (expires_at);
CREATE TABLE acme_challenges (
  id TEXT PRIMARY KEY,
  "authorization" TEXT NOT NULL REFERENCES acme_authorizations (id) ON DELETE CASCADE,
  type TEXT NOT NULL CHECK (type IN ('http-01', 'dns-01', 'tls-alpn-01')),
  token TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'valid', 'invalid')),
  validated_at INTEGER,
  problem TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_challenges_of ON acme_challenges ("authorization");
CREATE INDEX acme_challenges_open ON acme_challenges (status) WHERE status = 'processing';
CREATE TABLE acme_certificates (
  serial TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES acme_accounts (id),
  issuer TEXT NOT NULL,
  chain TEXT NOT NULL,
  not_before INTEGER NOT NULL,
  not_after INTEGER NOT NULL,
  issued_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_certificates_end ON acme_certificates (not_after);
CREATE TABLE acme_names (
  name TEXT NOT NULL,
  serial TEXT NOT NULL REFERENCES acme_certificates (serial) ON DELETE CASCADE,
  issued_at INTEGER NOT NULL,
  PRIMARY KEY (name, issued_at, serial)
) STRICT, WITHOUT ROWID;
CREATE INDEX acme_names_of ON acme_names (serial);
`
