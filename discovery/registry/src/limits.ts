// Fixed by spec: Consul's blocking queries.
export const WAIT_MS_DEFAULT = 5 * 60_000
export const WAIT_MS_MAX = 10 * 60_000
/** Up to this part of the wait is added by chance, so that waiters do not all come back at once. */
export const WAIT_JITTER_PART = 1 / 16

// Chosen by us.
/** No answer is held longer, whatever was asked: below the time limit of the endpoints. */
export const HOLD_MS_MAX = 610_000
/** Blocking queries that wait at the same time. */
export const WAITERS_MAX = 4_096
export const WAITERS_PER_CALLER_MAX = 512

export const INSTANCES_MAX = 1_024
export const INSTANCES_PER_NAME_MAX = 64
export const CONTRACTS_MAX = 256
/** Names whose last change is remembered after their instances are gone. */
export const NAMES_MAX = 1_024
export const TTL_MS_MIN = 1_000
export const TTL_MS_MAX = 5 * 60_000
/** An instance that was critical for so long is forgotten. */
export const REMOVE_AFTER_MS = 60_000

export const TICK_MS = 500
/** The clock of heartbeats stands still while this process could not hear them. */
export const STALL_MS = 1_500
/** Between two probes of a healthy instance. */
export const PROBE_INTERVAL_MS = 2_000
/** First wait after a failed probe; it doubles up to the interval. */
export const PROBE_AGAIN_MS = 250
export const PROBE_TIMEOUT_MS = 1_000
export const PROBES_AT_ONCE_MAX = 32
/** Failed probes in a row before a proven instance becomes critical. */
export const FAILURES_MAX = 2
/** Text of a probe that is kept. */
export const OUTPUT_CHARS_MAX = 256

/** After a restart, answers wait this long for the restored instances to prove themselves again. */
export const SETTLE_MS_MAX = 1_500
/** Changes of this time are saved together. */
export const SAVE_AFTER_MS = 200
export const SNAPSHOT_BYTES_MAX = 64 * 1024 * 1024
/** Indexes go up by this over a restart: past any that was told and not yet saved. */
export const INDEX_LEAP = 10_000
