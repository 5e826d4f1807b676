/*
 * `trust_state` holds one row: the state as this authority knows it, and the trail of its roots. `trust_step` is the
 * history: who took which step when, and which blockers he took upon himself. `trust_gone` names keys that were
 * destroyed; a file of one that comes to light again goes at the next start. Times in milliseconds since 1970.
 */
export const trustSchema = `
CREATE TABLE trust_state (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  state TEXT NOT NULL,
  trail TEXT NOT NULL
) STRICT;
CREATE TABLE trust_step (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  step TEXT NOT NULL,
  actor TEXT NOT NULL,
  without TEXT NOT NULL,
  sequence INTEGER NOT NULL
) STRICT;
CREATE TABLE trust_gone (id TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID
`
