/* Chosen by us. What an attacker can make grow is bounded; the oldest goes first. */

/** People, addresses and callers that one rule watches at once. */
export const WATCHED_MAX = 10_000
/** Causes whose further alerts are held back at once. */
export const SUPPRESSED_MAX = 10_000
/** One alert for one cause in so long. */
export const SUPPRESS_MS = 15 * 60_000
/** Edges of the mesh that are known. */
export const EDGES_MAX = 5_000
/** How long every edge is taken as normal, from the first event on. */
export const LEARNING_MS = 10 * 60_000

export const FAILED_LOGINS_WINDOW_MS = 5 * 60_000
export const FAILED_LOGINS_PER_PERSON = 10
export const FAILED_LOGINS_PER_ADDRESS = 30

export const REFUSALS_WINDOW_MS = 60_000
export const REFUSALS_PER_CALLER = 50
