import { ACME_LIFETIME_MS_MAX, LEAF_LIFETIME_SECONDS_MAX } from '../limits.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/* Fixed by specification: nothing here. What OCSP fixes lies with its reader in ground/x509. */

/* Chosen by us: revocations. */
/** Words that a workload is told at most, which is what its schema takes. A row weighs as many as it makes, or one. */
export const WEIGHT_MAX = 100_000
/** Up to here an authority takes new revocations itself; above, room is left for those of its peers. */
export const WEIGHT_OWN_MAX = 95_000
/** Keys that are never certified again. They are never forgotten. */
export const COMPROMISED_KEYS_MAX = 100_000
/** The longest life of any workload's certificate: so long may one of a lineage still be about. */
export const LINEAGE_MS_MAX: number = LEAF_LIFETIME_SECONDS_MAX * SECOND
/** And the longest life of any certificate: so long counts what nobody has on record. */
export const EITHER_MS_MAX: number = ACME_LIFETIME_MS_MAX
/** A revocation stays for so long after the last certificate that it covers. */
export const KEEP_AFTER_MS: number = HOUR
export const SWEEP_MS: number = 10 * MINUTE
/** Sweeps in a row that have to find something over before it goes: a clock that was wrong has an hour to come back. */
export const SWEEPS_TO_GO = 7
/** A lineage that was taken back is looked through again for so long, for certificates that were under way. */
export const RECENT_MS: number = 15 * MINUTE
/** Certificates of one lineage or name that are looked at. Of those that have not ended there are few. */
export const COVERED_MAX = 10_000
/** Revocations that one write of the store takes in. */
export const CHUNK = 1_000

/* Chosen by us: what peers tell each other. */
/** How long an authority that is asked for its records may take. */
export const ELSEWHERE_MS_MAX: number = 2 * SECOND
/** What the contract lets it answer. */
export const ELSEWHERE_RECORDS_MAX = 1_000
/** The latest changes are told each time; all of it only while somebody is behind. */
export const RECENT_TOLD_MAX = 256
/** Authorities whose state is remembered, and for how long after their last word. They speak every few seconds. */
export const PEERS_MAX = 64
export const PEER_KEPT_MS: number = MINUTE
/** Longest span between a revocation and its end: the life of an intermediate, and then some. */
export const SPAN_MS_MAX: number = 12 * 366 * 24 * HOUR

/* Chosen by us: lists of revoked certificates (CRL). */
export const CRL_LIFE_MS: number = 24 * HOUR
/** A certificate stays on the list until one was made after its end (RFC 5280, 3.3). */
export const CRL_KEEP_AFTER_MS: number = CRL_LIFE_MS / 2 + HOUR
/** Entries of our own list that come back from a peer stay this long: when their certificates end is not known. */
export const IMPORTED_MS: number = 366 * 24 * HOUR
export const CRL_CHECK_MS: number = MINUTE
/** Signing lists takes at most this share of the time, however long they are and however often they change. */
export const CRL_BUSY_SHARE = 0.2
export const CRL_RETRY_MS: number = 5 * SECOND
/** Longest list that goes from one authority to another: some 80 000 entries. A longer one its maker alone serves. */
export const CRL_BYTES_MAX: number = 4 * 1024 * 1024
/** Bytes of lists in one word to a peer; what does not fit goes with the next. */
export const CRL_TOLD_BYTES_MAX: number = 4 * 1024 * 1024
/** Issuers whose lists are kept. */
export const CRL_ISSUERS_MAX = 256
/** How long others may keep a list or an answer without asking again. */
export const STATUS_MAX_AGE_SECONDS = 60

/* Chosen by us: answers about one certificate (OCSP). */
export const OCSP_LIFE_MS: number = 4 * HOUR
/** A signed answer is given again for so long, or until anything is taken back. */
export const OCSP_REUSE_MS: number = HOUR
export const OCSP_CACHE_MAX = 10_000
export const OCSP_REQUEST_BYTES_MAX: number = 4 * 1024
