/** Chosen by us. */

/** What a queue holds at most, whatever its entity says. */
export const QUEUE_BYTES_MAX = 16 * 1_048_576
/** One record; a longer one is dropped and counted. */
export const RECORD_BYTES_MAX = 65_536
/** How long the last batches may take after a change of the configuration. */
export const CLOSE_MS_MAX = 5_000
/** What is read of a receiver's answer. */
export const RECEIPT_BYTES_MAX = 65_536
/** Of texts that a client or service has chosen, in records. */
export const TEXT_CHARS_MAX = 1_024
export const HEADERS_MAX = 100
