/** Chosen by us. */

/** What one store holds, over all entities that name it. */
export const STORE_BYTES_MAX = 64 * 1_048_576
export const STORE_ENTRIES_MAX = 10_000
/** A longer answer passes and is not kept. */
export const ANSWER_BYTES_MAX = 1_048_576
/** Answers of one resource that differ by what Vary names. */
export const VARIANTS_MAX = 32
/** Remembered acts that made stored answers wrong. */
export const INVALIDATIONS_MAX = 10_000
/** How long an answer that can be asked about is kept when it is not fresh any more, in seconds. */
export const STALE_KEPT_S = 3_600
/** What an entry takes besides its bytes. */
export const ENTRY_OVERHEAD_BYTES = 1_024
/** Longer than any lifetime that matters; RFC 9111 section 1.2.2 asks for at least this. */
export const SECONDS_MAX = 2 ** 31
