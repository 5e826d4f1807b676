/*
 * Every number that bounds something here.
 */

// Fixed by a specification.

/** RFC 6749 4.1.2: ten minutes at most; a minute is plenty for a redirect. */
export const CODE_SECONDS = 60

// Chosen by us.

/** Longest life of a login without a new password, of the grants below it, and of a family of refresh tokens. */
export const SESSION_SECONDS = 12 * 3_600
/** From opening the login page to sending it. */
export const INTERACTION_SECONDS = 600
/** Rows live so much longer than what they hold: the provider tolerates clocks that differ by this. */
export const CLOCK_TOLERANCE_SECONDS = 15

export const USERNAME_CHARACTERS_MAX = 128
export const PASSWORD_CHARACTERS_MAX = 1_024
/** A login form: both fields, percent-encoded. */
export const FORM_BYTES_MAX = 16 * 1_024
/** No failed login is answered sooner, so that its time tells nothing about what failed. */
export const FAILURE_ANSWER_MS_MIN = 300

/*
 * Failed logins are counted in buckets that empty at a steady rate: `burst` at once, then one each `refillMs`.
 * One guesser meets the first; one who tries many names the second; many addresses after one name the third.
 */
export const PAIR_BUCKET = { burst: 10, refillMs: 60_000 } as const
export const SOURCE_BUCKET = { burst: 100, refillMs: 2_000 } as const
export const NAME_BUCKET = { burst: 30, refillMs: 30_000 } as const
/** Entries kept per kind of bucket, and known addresses; the longest untouched goes first. */
export const THROTTLE_ENTRIES_MAX = 10_000

/** A signing key signs for so long, then the next one, published all the while, takes over. */
export const KEY_ROTATION_MS = 30 * 24 * 3_600_000
/** A key must have been published for so long before it signs: longer than verifiers wait to ask anew. */
export const KEY_PUBLISHED_MS_MIN = 5 * 60_000
/** An old key stays published until no token that it signed can be alive, ID tokens as logout hints included. */
export const KEY_KEPT_MS = (SESSION_SECONDS + 3_600) * 1_000
export const KEY_CHECK_MS = 3_600_000
/** Old keys at most; a rotation that would need more has to wait. */
export const OLD_KEYS_MAX = 16

export const POOL_CONNECTIONS_MAX = 10
export const DATABASE_PROBE_MS = 5_000
export const SWEEP_MS = 60_000
export const SWEEP_ROWS_MAX = 1_000
export const SWEEP_BATCHES_MAX = 20

/** Steps from the first request of a programmatic login to its code. */
export const LOGIN_REDIRECTS_MAX = 8
