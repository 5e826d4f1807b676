/* Chosen by us. */
/** How long an authority may hold its answer. Short, so that one that hangs is noticed. */
export const FOLLOW_WAIT_SECONDS = 10
/** For the answer: the wait, and the way. */
export const FOLLOW_TIMEOUT_MS = 13_000
/** For an answer that need not wait: the first one, and the one after a failure. Short of what a start waits. */
export const FOLLOW_AT_ONCE_MS_MAX = 1_500
/** Between two questions, whatever the answers: an authority without sense is not asked in a circle. */
export const ASK_GAP_MS_MIN = 20
/** The same, where the answer brought nothing new and came long before its time. */
export const ASK_GAP_IDLE_MS = 250
/** Pauses after every authority has failed: the first, doubling up to the last; each is shortened by chance. */
export const RETRY_MS_MIN = 50
export const RETRY_MS_MAX = 2_000
/** How long a start waits for the first word. */
export const FIRST_WORD_MS_MAX = 2_000
/** For the word that this instance shows its certificates no more. */
export const LEAVE_MS_MAX = 500
/** A new certificate after a rotation is asked for within this, or a tenth of the certificate's life. */
export const RENEW_SPREAD_MS_MAX = 10_000
export const RENEW_SPREAD_SHARE = 0.1
/** A list counts no longer than this, whatever an authority with a wrong clock says. */
export const LIST_MS_MAX = 7 * 24 * 3_600_000
/** Clocks differ: what was taken back is kept for so long after its certificate has expired. */
export const REVOKED_KEEP_MS = 5 * 60_000
/** Serials and lineages that are known as taken back. Four times what one word can bring. */
export const REVOKED_MAX = 400_000
export const ROOTS_MAX = 16
/** Certificates of our name that were called unclaimed, and said so. */
export const UNCLAIMED_MAX = 1_024
/** An instance has this long to report a certificate as its own. */
export const UNCLAIMED_AFTER_MS = 15_000
/** What one report can hold beside the own certificate. */
export const ALSO_SHOWN_MAX = 7
/** One authority's part of a renewal: the next one is asked then. */
export const RENEW_AT_ONE_MS_MAX = 5_000
