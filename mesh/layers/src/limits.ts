/*
 * Bounds of the layers.
 */

// Fixed by specification.

/** RFC 9068 and RFC 7519 allow "a few minutes" of leeway between clocks; design.md section 4 has short lives, so one. */
export const CLOCK_SKEW_SECONDS_MAX = 60

// Chosen by us: tokens.

export const CLAIM_CHARS_MAX = 256
export const ROLES_MAX = 64
export const SCOPES_MAX = 64
export const AUDIENCES_MAX = 32
/** Verdicts in each of the two generations of the cache. */
export const CACHED_TOKENS_MAX = 5_000
/** Longer tokens are verified each time, so that the cache stays below 40 MiB whatever an issuer makes. */
export const CACHED_TOKEN_CHARS_MAX = 4_096
export const CACHED_TOKEN_MS_MAX = 60_000

// Chosen by us: keys of an issuer.

export const KEYS_REFRESH_MS = 5 * 60_000
export const KEYS_RETRY_MS = 10_000
/** How long the last good keys are honoured while the issuer is away. */
export const KEYS_AGE_MS_MAX = 24 * 60 * 60_000
export const KEYS_FETCH_TIMEOUT_MS = 5_000
/** Between two fetches that tokens with unknown keys cause, however many there are. */
export const UNKNOWN_KEY_FETCH_MS = 10_000
/** Between two fetches while there is no key at all. */
export const MISSING_KEYS_FETCH_MS = 1_000
/** Requests that wait for one fetch. */
export const KEY_WAITERS_MAX = 2_000

// Chosen by us: failed tokens.

export const FAILURES_PER_SECOND_MAX = 100
export const FAILING_ADDRESSES_MAX = 20_000
