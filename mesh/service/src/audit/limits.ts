import { ENTRY_BYTES_MAX } from '@countersign/ground/merkle'

/* Fixed by spec. */

/** An event becomes one entry of the log: C2SP tlog-tiles writes its length as uint16. */
export const EVENT_BYTES_MAX = ENTRY_BYTES_MAX
/** From the contract `audit.append`: 1000 events and 4 MiB; half of that leaves room. */
export const BATCH_EVENTS_MAX = 500

/* Chosen by us. */

export const BATCH_BYTES_MAX = 1024 * 1024
/** How long an event may lie in memory before it is written; what a `kill -9` can cost. */
export const WRITE_DELAY_MS = 4
/** How long the sender gathers once there is something to send; `countersign explain` reads right after a request. */
export const SEND_DELAY_MS = 20
export const SYNC_INTERVAL_MS = 1_000
const SEND_TIMEOUT_MS = 30_000
export const RETRY_FIRST_MS = 100
const RETRY_MS_MAX = 5_000

const SEGMENT_BYTES_MAX = 4 * 1024 * 1024
const SPOOL_BYTES_MAX = 256 * 1024 * 1024
/** Above this share of the spool, events that tell of success are let go, to keep room for refusals and acts. */
export const SPOOL_SHARE_FOR_ALL = 0.9
/** Events in memory that wait for a slow disk. */
export const PENDING_BYTES_MAX = 16 * 1024 * 1024
/** Events that the collector refused as invalid, kept for people to look at. */
export const REJECTED_BYTES_MAX = 32 * 1024 * 1024

/** Refusals stored one by one in a second; more of the same become one event with a count. */
export const REFUSALS_PER_SECOND_MAX = 300
/** Different kinds of refusal that are counted apart in a second; what is beyond is counted together. */
export const REFUSAL_KINDS_MAX = 200

export interface WriterLimits {
  readonly spoolBytesMax: number
  readonly segmentBytesMax: number
  readonly retryMsMax: number
  readonly sendTimeoutMs: number
}
export const LIMITS: WriterLimits = {
  spoolBytesMax: SPOOL_BYTES_MAX,
  segmentBytesMax: SEGMENT_BYTES_MAX,
  retryMsMax: RETRY_MS_MAX,
  sendTimeoutMs: SEND_TIMEOUT_MS,
}
