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

// Chosen by us: bytes that are no request.

/** How long, and for how many reads of up to 64 KiB, who sends them is listened to, so that it gets the answer. */
export const BROKEN_LINGER_MS_MAX = 1_000
export const BROKEN_PIECES_MAX = 64

// Chosen by us: request limits.

/** Keys counted in one window. Further keys share one count, so that a full table refuses rather than forgets. */
export const COUNTED_KEYS_MAX = 200_000
export const LIMITED_KEY_CHARS_MAX = 512
/** A Redis that takes longer is treated as away. */
export const REDIS_TIMEOUT_MS = 100
export const REDIS_CONNECT_TIMEOUT_MS = 1_000
export const REDIS_RECONNECT_MS_MAX = 500
export const REDIS_PROBE_MS = 250
/** Silence on a connection that is pinged each second; then it counts as dead. */
export const REDIS_SILENCE_MS_MAX = 3_000
export const REDIS_QUEUE_MAX = 10_000
/**
 * After Redis is back an instance stays within its share for so long, so that all others have carried over what they let pass.
 * Above REDIS_RECONNECT_MS_MAX + REDIS_PROBE_MS + REDIS_CONNECT_TIMEOUT_MS + REDIS_TIMEOUT_MS.
 */
export const REDIS_SETTLE_MS = 2_000
export const CARRY_OVER_BATCH = 200

// Chosen by us: connections to other workloads.

export const CONNECTIONS_MAX = 64
export const CONNECT_TIMEOUT_MS = 2_000
/** Requests to one instance that wait or run. */
export const IN_FLIGHT_MAX = 4_096
/** An idle connection is closed after this, or a little before the other side would, where it says when. */
export const IDLE_MS_MAX = 30_000
export const RESPONSE_BYTES_MAX = 10 * 1024 * 1024
export const RESPONSE_HEAD_BYTES_MAX = 32 * 1024
/** How long requests over connections with the old certificate may take to end after a renewal. */
export const RETIRE_MS_MAX = 60_000
/** How late a deadline may be noticed. */
export const DEADLINE_STEP_MS = 20

// Chosen by us: failing instances.

export const BREAKER_FAILURES_IN_ROW = 5
/** Share of failures that opens, once there is the volume to speak of a share. */
export const BREAKER_FAILED_SHARE = 0.5
export const BREAKER_VOLUME_MIN = 20
/** The rolling window is this long at least, twice this at most. */
export const BREAKER_SLOT_MS = 5_000
export const BREAKER_REOPEN_MS_MIN = 500
export const BREAKER_REOPEN_MS_MAX = 5_000
/** A probe that has not reported by then is taken for lost. */
export const BREAKER_PROBE_MS_MAX = 10_000

// Chosen by us: sending again.

/** Retries for each request, over time: a service that fails gets a fifth more work, not twice as much. */
export const RETRY_SHARE = 0.2
export const RETRY_BURST = 10
/** With less time left than this a second attempt has no chance. */
export const RETRY_TIME_LEFT_MS_MIN = 20
