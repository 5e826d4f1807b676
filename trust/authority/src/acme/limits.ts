const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/* Fixed by specification. */
/** RFC 1035, 2.3.4. */
export const NAME_CHARS_MAX = 253
/** RFC 1035, 2.3.4. */
export const LABEL_CHARS_MAX = 63
/** RFC 8555, 8.3: a token has at least 128 bits. */
export const TOKEN_BYTES = 32
/** RFC 8737, 3: the extension holds a SHA-256. */
export const ALPN_DIGEST_BYTES = 32

/* Chosen by us: requests. */
export const BODY_BYTES_MAX = 65_536
export const URL_CHARS_MAX = 512
export const HEADER_CHARS_MAX = 16_384
export const NAMES_PER_ORDER_MAX = 50
export const CONTACTS_MAX = 4
export const CONTACT_CHARS_MAX = 320
/** Members of the list of orders in one answer. */
export const ORDERS_PER_PAGE = 100

/** Nonces are good for so long. */
export const NONCE_LIFETIME_MS: number = HOUR
/** Used nonces that are remembered. When there are more, what is older than the oldest of them is refused too. */
export const NONCES_USED_MAX = 65_536
/** Keys of which is remembered that the trial of bad nonces hit them last. */
export const CHAOS_KEYS_MAX = 1_024

/* Chosen by us: lives. */
export const ORDER_LIFETIME_MS: number = 8 * HOUR
/** How long a proof of control counts: for further orders of the account, and for its right to revoke. */
export const AUTHORIZATION_LIFETIME_MS: number = 8 * HOUR
/** What of it has to be left for another order to build on it. */
export const AUTHORIZATION_REUSE_MS_MIN: number = HOUR
export const CERTIFICATE_LIFETIME_SECONDS_MIN = 60
/** How far `notBefore` of an order may be from the present: certificates start at once. */
export const NOT_BEFORE_SLACK_MS: number = 5 * MINUTE
export const KEY_LIFETIME_SECONDS: number = (30 * DAY) / SECOND

/* Chosen by us: rates. */
/** So many at once, and so many a second in the long run. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}
export interface AcmeRates {
  readonly ordersPerAccountAndHour: number
  /** Orders of an account that are not finished. */
  readonly openOrdersPerAccount: number
  readonly certificatesPerNameAndDay: number
  readonly failedValidationsPerNameAndHour: number
  /** Requests signed by one key. */
  readonly requestsPerKey: Rate
  readonly accountsPerAddress: Rate
}
export const RATES: AcmeRates = {
  ordersPerAccountAndHour: 300,
  openOrdersPerAccount: 100,
  certificatesPerNameAndDay: 50,
  failedValidationsPerNameAndHour: 10,
  requestsPerKey: { burst: 300, perSecond: 30 },
  accountsPerAddress: { burst: 50, perSecond: 0.1 },
}
export const RATE_HOUR_MS: number = HOUR
export const RATE_DAY_MS: number = DAY
/** Keys and addresses that are remembered; the one not seen for longest goes first. */
export const BUCKETS_MAX = 4_096
export const ACCOUNTS_MAX = 10_000
/** Keys for external account binding that are neither used nor expired. */
export const KEYS_MAX = 1_000

/* Chosen by us: validation. */
export const VALIDATION_MS_MAX: number = 10 * SECOND
/** Waits before the second and the third attempt, which is the last. */
export const VALIDATION_RETRY_MS: readonly number[] = [SECOND, 3 * SECOND]
export const VALIDATIONS_AT_ONCE = 16
export const VALIDATIONS_WAITING_MAX = 512
export const VALIDATIONS_PER_ACCOUNT_MAX = 128
export const REDIRECTS_MAX = 5
export const RESPONSE_BYTES_MAX = 1_024
export const RESPONSE_HEADER_BYTES_MAX = 8_192
export const CNAMES_MAX = 8
export const TXT_RECORDS_MAX = 64
export const ADDRESSES_MAX = 8
export const RESOLVERS_MAX = 4
/** A longer hosts file is a list of blocked names, and not asked. */
export const HOSTS_BYTES_MAX = 262_144
export const DNS_TRY_MS_MAX: number = 2 * SECOND
export const DNS_TRIES = 2

/* Chosen by us: answers and housekeeping. */
/** What a finalizing client waits for its certificate in the same request; later it polls. */
export const FINALIZE_WAIT_MS: number = 3 * SECOND
export const POLL_SECONDS = 1
/** What the start waits for one order that a crash left in the middle; then it goes on beside. */
export const RESUME_WAIT_MS: number = 10 * SECOND
export const RENEWAL_POLL_MS_MAX: number = 6 * HOUR
export const RENEWAL_POLL_MS_MIN: number = MINUTE
export const PRUNE_EVERY_MS: number = HOUR
/** What is over is kept so long, for those who ask what became of it; what led to a certificate longer. */
export const KEPT_MS: number = DAY
export const KEPT_ISSUED_MS: number = 30 * DAY
/** Refusals of one address that go on record one by one; more are only counted. */
export const RECORDED_REFUSALS: Rate = { burst: 100, perSecond: 1 }
export const PRUNED_AT_ONCE = 10_000
