// Fixed by spec: Consul's blocking queries know no index below this.
export const INDEX_MIN = 1

// Chosen by us.
/** How long the registry may hold an answer. Short, so that a registry that hangs is noticed. */
export const WAIT = '30s'
/** For the answer to a blocking query: the wait, its jitter, and the way. */
export const ANSWER_TIMEOUT_MS = 40_000
/** Waits after a failure: the first, doubling up to the last; each is shortened by chance. */
export const RETRY_MS_MIN = 200
export const RETRY_MS_MAX = 3_000
/** A registry that answers at once without news is asked no more often than this. */
export const PAUSE_MS = 250
/** How long who asks first waits for a first answer. */
export const FIRST_ANSWER_MS_MAX = 2_000
/** Names that one process watches. */
export const WATCHES_MAX = 512
export const ENTRIES_MAX = 1_024
export const CONTRACTS_MAX = 1_024

/** For one request of the registrar. */
export const CALL_TIMEOUT_MS = 3_000
/** Between two tries of what the registry refused: asking again at once would change nothing. */
export const REFUSED_AGAIN_MS = 30_000
/** For the last word of an instance that stops. */
export const DEREGISTER_MS_MAX = 1_000
/** Heartbeats in one time to live: two may be lost. */
export const BEATS_PER_TTL = 3
