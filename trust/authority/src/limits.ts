const SECOND = 1_000
const DAY = 86_400 * SECOND

/* Fixed by other rules. */
/** Baseline: a server certificate of the public door lives at most so long, whatever is configured. */
export const PUBLIC_LIFETIME_MS_MAX: number = 7 * DAY

/* Chosen by us. */
export const ROOT_LIFETIME_MS: number = 3_652 * DAY
export const INTERMEDIATE_LIFETIME_MS: number = 365 * DAY
/** An intermediate is replaced at the next start when less than this share of its life is left. */
export const INTERMEDIATE_RENEW_SHARE = 1 / 3
export const LEAF_LIFETIME_SECONDS = 3_600
export const LEAF_LIFETIME_SECONDS_MIN = 20
export const LEAF_LIFETIME_SECONDS_MAX = 86_400
export const PUBLIC_LIFETIME_MS: number = DAY
export const PUBLIC_NAMES_MAX = 32
/** Certificates start a little in the past, for workloads whose clock is behind. */
export const BACKDATE_MS: number = 30 * SECOND

/** Join tokens that are neither spent nor expired, or are remembered as spent until they would have expired. */
export const TOKENS_MAX = 10_000
export const TOKEN_BYTES = 32
export const TOKEN_LIFETIME_MS_MAX: number = DAY
/** Clocks of authorities differ by less than this. */
export const PEER_SKEW_MS: number = 60 * SECOND
/** Lines in the file of tokens after which it is written anew with what still counts. */
export const TOKEN_LINES_MAX = 30_000
/** Bytes in the list of issued certificates after which it becomes the old one, and the one before that goes. */
export const ISSUED_BYTES_MAX = 16_777_216
/** Longest file of tokens that is read. */
export const TOKEN_FILE_BYTES_MAX = 33_554_432

/** How long a join waits for the other authority's word. */
export const PEER_WAIT_MS_MAX: number = SECOND
export const PEER_RETRY_MS_MIN: number = SECOND
export const PEER_RETRY_MS_MAX: number = 30 * SECOND

/** The join door, where callers have no certificate yet. */
export const JOIN_BODY_BYTES_MAX = 16_384
export const JOIN_HEADER_BYTES_MAX = 8_192
export const JOIN_HEADERS_MAX = 32
export const JOIN_IN_FLIGHT_MAX = 32
export const JOIN_CONNECTIONS_MAX = 256
export const JOIN_HANDSHAKE_MS_MAX: number = 5 * SECOND
export const JOIN_HEADERS_MS_MAX: number = 5 * SECOND
export const JOIN_REQUEST_MS_MAX: number = 10 * SECOND
export const JOIN_DRAIN_MS_MAX: number = 5 * SECOND
/** Requests of one address: so many at once, and so many a second in the long run. */
export const JOIN_BURST_PER_ADDRESS = 100
export const JOIN_PER_SECOND_PER_ADDRESS = 10
/** Addresses that are remembered; the one not seen for longest goes first. */
export const JOIN_ADDRESSES_MAX = 4_096
