/* Chosen by us. */
/** One attempt at one door, from the first packet to the last. */
export const DOOR_WAIT_MS_MAX = 10_000
/** Longest answer of a door: a chain and a bundle. */
export const DOOR_ANSWER_BYTES_MAX = 524_288
/** How long a workload knocks before it gives up its start. */
export const JOIN_WAIT_MS_MAX = 60_000
export const JOIN_PAUSE_MS_MIN = 100
export const JOIN_PAUSE_MS_MAX = 5_000

/** Renewal comes when this share of what was left of a certificate's life is over, earlier or later by up to a share of it. */
export const RENEW_AT = 0.4
export const RENEW_JITTER = 0.1
/** One renewal, whatever the call below waits for. */
export const RENEW_WAIT_MS_MAX = 15_000
export const RETRY_PAUSE_MS_MIN = 50
export const RETRY_PAUSE_MS_MAX = 60_000
/** A first retry waits at most this share of what is left, so that short lives get several. */
export const RETRY_SHARE = 1 / 16
/** Node's timers count no further than 2^31 ms; a longer wait is cut and planned anew. */
export const TIMER_MS_MAX = 2_000_000_000
