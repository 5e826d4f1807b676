/** So many at once, and so many a second in the long run. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

const SECOND = 1_000
const DAY = 86_400 * SECOND

/* Fixed by other rules. */
/** Baseline: a server certificate of the public door lives at most so long, whatever is configured. */
export const PUBLIC_LIFETIME_MS_MAX: number = 7 * DAY

/* Chosen by us. */
export const ROOT_LIFETIME_MS: number = 3_652 * DAY
export const INTERMEDIATE_LIFETIME_MS: number = 365 * DAY
export const LEAF_LIFETIME_SECONDS = 3_600
export const LEAF_LIFETIME_SECONDS_MIN = 20
export const LEAF_LIFETIME_SECONDS_MAX = 86_400
export const PUBLIC_LIFETIME_MS: number = DAY
export const PUBLIC_NAMES_MAX = 32
/** Names in one server certificate. */
export const SERVER_NAMES_MAX = 100
/** Certificates for clients outside of the mesh, by ACME. */
export const ACME_LIFETIME_MS: number = 7 * DAY
export const ACME_LIFETIME_MS_MAX: number = 90 * DAY
/** Certificates start a little in the past, for workloads whose clock is behind. */
export const BACKDATE_MS: number = 30 * SECOND

/** Join tokens that are neither spent nor expired, or are remembered as spent until they would have expired. */
export const TOKENS_MAX = 10_000
export const TOKEN_BYTES = 32
export const TOKEN_LIFETIME_MS_MAX: number = DAY
/** Clocks of authorities differ by less than this. */
export const PEER_SKEW_MS: number = 60 * SECOND
/** Tokens that have expired are taken out of the store after so many that came in. */
export const TOKENS_PRUNE_EVERY = 1_000

/** Certificates stay on record for a day after their end. */
export const ISSUED_KEPT_MS: number = DAY
/** After so many certificates, up to so many that have gone are taken off the record. */
export const ISSUED_PRUNE_EVERY = 256
export const ISSUED_PRUNE_ROWS = 1_024
/** Longest list of certificates that is read at once. */
export const ISSUED_LIST_MAX = 10_000
/** A workload says which certificate it shows within seconds; one that nobody has claimed by then may be with somebody else. */
export const UNCLAIMED_MS: number = 60 * SECOND
export const WATCH_MS: number = 10 * SECOND
/** Rows that one look tells the audit log of. */
export const WATCH_ROWS_MAX = 256

/** Other authorities that tokens are shared with. */
export const PEERS_MAX = 16
/** How long the answer to a join is given again to whoever lost it: longer than a workload knocks. */
export const REPEAT_MS_MAX: number = 300 * SECOND
/** How long a join waits for the word of the others. */
export const PEER_WAIT_MS_MAX: number = SECOND
export const PEER_RETRY_MS_MIN: number = SECOND
export const PEER_RETRY_MS_MAX: number = 30 * SECOND

/** The join door, where callers have no certificate yet. */
export const JOIN_BODY_BYTES_MAX = 16_384
export const JOIN_HEADER_BYTES_MAX = 8_192
export const JOIN_HEADERS_MAX = 32
/** Connections that are worked on at once, in all and of one address; the others wait before their handshake. */
export const JOIN_ACTIVE_MAX = 128
export const JOIN_ACTIVE_PER_ADDRESS = 96
/** How long they wait: callers give up after ten seconds, and should get an answer before. */
export const JOIN_WAIT_MS_MAX: number = 7 * SECOND
/** From the end of the wait to the end of the answer. */
export const JOIN_DEADLINE_MS_MAX: number = 10 * SECOND
/** Connections in all, and of one address: a thousand workloads of one machine may start together. */
export const JOIN_CONNECTIONS_MAX = 4_096
export const JOIN_CONNECTIONS_PER_ADDRESS = 1_536
/** Connections that have been made and nobody has looked at yet. */
export const JOIN_BACKLOG = 2_048
export const JOIN_HANDSHAKE_MS_MAX: number = 5 * SECOND
export const JOIN_DRAIN_MS_MAX: number = 5 * SECOND
/** Requests of one address without a good token: so many at once, and so many a second in the long run. */
export const JOIN_FAILURES_PER_ADDRESS: Rate = { burst: 100, perSecond: 10 }
/** Requests with one good token. It is used up by the first that is in order; others are mistakes of their sender. */
export const JOIN_ATTEMPTS_PER_TOKEN: Rate = { burst: 10, perSecond: 1 }
/** Addresses, and tokens, whose rate is remembered; the one not seen for longest goes first. */
export const JOIN_RATES_MAX = 4_096

/** The key set of a Kubernetes cluster, and the file that says which account is which workload. */
export const JWKS_BYTES_MAX = 262_144
export const JWKS_WAIT_MS_MAX: number = 4 * SECOND
export const ACCOUNTS_MAX = 10_000
export const ACCOUNTS_BYTES_MAX = 2_097_152
