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
/** A Redis that takes longer is treated as away. A busy machine may stop it for a while, which is no loss yet. */
export const REDIS_TIMEOUT_MS = 500
export const REDIS_CONNECT_TIMEOUT_MS = 1_000
export const REDIS_RECONNECT_MS_MAX = 500
export const REDIS_PROBE_MS = 250
/** Silence on a connection that is pinged each second; then it counts as dead. */
export const REDIS_SILENCE_MS_MAX = 3_000
export const REDIS_QUEUE_MAX = 10_000
/**
 * After Redis is back an instance needs its own right, too, until all others have told what they let pass; for so long
 * at most, since one of them may have ended.
 * Above REDIS_RECONNECT_MS_MAX + REDIS_PROBE_MS + REDIS_CONNECT_TIMEOUT_MS + REDIS_TIMEOUT_MS, and with them below 5 s.
 */
export const REDIS_SETTLE_MS = 2_400
/** Windows and buckets in one call, and calls at one time. */
export const CARRY_OVER_KEYS = 50
export const CARRY_OVER_CALLS = 8
/** How often an instance says that it is there, and looks whether its rights are wanted. */
export const MEMBER_BEAT_MS = 100
/** An instance that was silent for so long is gone: what was its own is taken by those who need it. */
export const MEMBER_LEASE_MS = 10_000
/** After instances began to gather nobody counts as gone for so long. Above REDIS_SETTLE_MS. */
export const MEMBER_ABSENT_MS = 5_000
/** Requests that wait for rights of another instance, how often they ask again, and how long they pause before. */
export const RIGHTS_WAITERS_MAX = 64
export const RIGHTS_TRIES_MAX = 12
export const RIGHTS_PAUSE_MS = 25
/** Windows of which rights are wanted at one time. */
export const LIMITER_WANTS_MAX = 10_000

// Chosen by us: connections to other workloads.

export const CONNECTIONS_MAX = 64
export const CONNECT_TIMEOUT_MS = 2_000
/** Of one pool, at one time: to make all of them at once makes each as slow as all, and on a busy machine too slow. */
export const CONNECTING_MAX = 16
/** Requests to one instance that wait or run. */
export const IN_FLIGHT_MAX = 4_096
/** An idle connection is closed after this, or a little before the other side would, where it says when. */
export const IDLE_MS_MAX = 30_000
export const RESPONSE_BYTES_MAX = 10 * 1024 * 1024
/** Bounds of what `@countersign/ground/http1` reads: of a head, and of what comes between and behind chunks. */
export const RESPONSE_HEAD_BOUNDS = { headBytesMax: 32 * 1024, headersMax: 256, targetBytesMax: 0 }
export const RESPONSE_BODY_BOUNDS = {
  extensionBytesMax: 4 * 1024,
  trailerBytesMax: 8 * 1024,
  trailersMax: 64,
}
/** Interim answers (1xx) before the final one. */
export const INTERIM_ANSWERS_MAX = 16
/** What is read of a connection at once: one TLS record. */
export const READ_BUFFER_BYTES = 16 * 1024
/** A body of this size is copied behind its head, so that both leave as one. */
export const BODY_JOIN_BYTES_MAX = 64 * 1024
/** So much earlier than the other side has said it is given up, since news of the end travels, too. */
export const KEEP_ALIVE_MARGIN_MS = 1_000
/** How often idle connections are looked through. */
export const IDLE_SWEEP_MS = 1_000
/** How long requests over connections with the old certificate may take to end after a renewal. */
export const RETIRE_MS_MAX = 60_000
/** Of HTTP/2, on one connection: requests at once, and bytes that are not taken yet, of one answer and of all. */
export const H2_STREAMS_MAX = 100
export const H2_STREAM_WINDOW_BYTES = 64 * 1024 - 1
export const H2_CONNECTION_WINDOW_BYTES = H2_STREAMS_MAX * H2_STREAM_WINDOW_BYTES
/** However steadily it comes, an answer ends. */
export const STREAM_MS_MAX = 60 * 60_000
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

/** Connections without a request that ended by the client's fault are one record per source in this time. */
export const TURNED_AWAY_MS = 10_000
export const TURNED_AWAY_SOURCES_MAX = 256

// Chosen by us: what instances know together.

export const FLEET_KEY_CHARS_MAX = 256
/** A session with its tokens, sealed, fits in. */
export const FLEET_TEXT_CHARS_MAX = 32_768
export const FLEET_TTL_MS_MAX = 60 * 60_000
/** What all instances together may have put into a fleet store: half of a Redis that `up` starts. */
export const FLEET_BYTES_MAX = 33_554_432
/** What an entry takes beside its key and text. */
export const FLEET_ENTRY_BYTES = 128
/** For so long nobody asks a Redis that has not answered in time. */
export const FLEET_PAUSE_MS = 250
/** Between two lines of the log that say so. */
export const FLEET_TOLD_MS = 60_000
