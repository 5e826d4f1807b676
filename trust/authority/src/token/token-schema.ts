/* What is known of join tokens, by hash. `spent` is final. Times in milliseconds since 1970. */
export const tokenSchema = `
CREATE TABLE join_tokens (
  hash TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  spent INTEGER NOT NULL CHECK (spent IN (0, 1))
) STRICT, WITHOUT ROWID
`
