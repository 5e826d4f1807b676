/* Fixed by spec. */

/** Bytes of an entry: C2SP tlog-tiles. */
export { ENTRY_BYTES_MAX } from '@countersign/ground/merkle'

/* Chosen by us. */

/** At the latest so long after an entry is durable, a signed checkpoint includes it. */
export const CHECKPOINT_INTERVAL_MS = 500
/** Entries that become tiles in one go, so that hashing never holds up a request for long. */
export const INTEGRATE_ENTRIES_MAX = 4_096
/** Bytes that share one write and one sync. */
export const GROUP_BYTES_MAX = 8 * 1024 * 1024
/** Entries and bytes that wait for a sync or for their tiles, in memory; beyond that senders have to wait. */
export const WAITING_ENTRIES_MAX = 50_000
export const WAITING_BYTES_MAX = 64 * 1024 * 1024
/** How long a start waits for another process to let go of the log. */
export const LOCK_TIMEOUT_MS = 3_000
/** Bundles that the reader of queries keeps. */
export const BUNDLES_CACHED_MAX = 16
/** Statements that the catalogue keeps prepared, by which filters are set. */
export const STATEMENTS_MAX = 128
/** Queries that may wait for new entries at once; one more is answered without waiting. */
export const WAITERS_MAX = 64
/** How soon a query that waits looks again, at the earliest. */
export const WAKE_INTERVAL_MS = 20
/** Faults that a verification lists; what is beyond is only counted. */
export const FAULTS_MAX = 100
/** How often what detection has learned is saved, if it has changed. */
export const DETECTION_SAVE_INTERVAL_MS = 10_000
