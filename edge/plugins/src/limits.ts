/*
 * Bounds of the plugins.
 */

// Fixed by specification.

/** RFC 7518 section 3.2 asks as many bytes as the hash has; 32 is the least of them. */
export const HMAC_SECRET_BYTES_MIN = 32

/** RFC 7519 section 4.1.4 allows "a few minutes" of leeway between clocks; this platform takes one. */
export const CLOCK_SKEW_SECONDS_MAX = 60

/** RFC 9654 section 2.1: what a client sends has 32 octets at least. */
export const OCSP_NONCE_BYTES = 32

// Chosen by us: configuration.

/** Entries of one list of an entity: addresses, origins, names. */
export const LIST_ENTRIES_MAX = 1_000
/** Characters of one text of an entity. */
export const TEXT_CHARS_MAX = 4_096

// Chosen by us: what is remembered.

/** Verdicts in each of the two generations of a cache. */
export const CACHED_VERDICTS_MAX = 5_000
/** Longer tokens are verified each time, so that a cache stays small whatever comes. */
export const CACHED_TOKEN_CHARS_MAX = 4_096
export const CACHED_VERDICT_MS_MAX = 60_000
/** Verdicts on the texts of one header: origins, user agents. */
export const CACHED_TEXTS_MAX = 1_000
export const CACHED_TEXT_CHARS_MAX = 512

// Chosen by us: bodies.

/** Bodies in which a key is looked for, and those that are echoed. */
export const READ_BODY_BYTES_MAX = 1_048_576
/** What a user agent is looked at of. */
export const USER_AGENT_CHARS_MAX = 1_024

// Chosen by us: what other CAs say of their certificates.

/** 100,000 entries have 4.5 MB. */
export const CRL_BYTES_MAX = 8_388_608
export const CRLS_MAX = 16
export const OCSP_RESPONSE_BYTES_MAX = 16_384
export const OCSP_ANSWERS_MAX = 5_000
export const OCSP_UNDER_WAY_MAX = 64
/** For so long an answer counts that names no end. */
export const OCSP_AGE_MS_MAX = 5 * 60_000
/** Between two attempts to ask for what cannot be had. */
export const STATUS_RETRY_MS = 10_000

// Chosen by us: issuers of tokens.

export const ISSUERS_MAX = 64
export const ISSUER_KEYS_MAX = 64
export const ISSUER_BYTES_MAX = 262_144
export const ISSUER_REFRESH_MS = 5 * 60_000
/** Between two attempts while nothing is known of an issuer. */
export const ISSUER_RETRY_MS = 2_000
/** How long the last good keys are honoured while the issuer is away. */
export const ISSUER_AGE_MS_MAX = 24 * 60 * 60_000
/** Requests that wait for one fetch. */
export const ISSUER_WAITERS_MAX = 2_000
/** Questions to one introspection endpoint that are under way. */
export const INTROSPECTIONS_MAX = 256
export const INTROSPECTION_BYTES_MAX = 65_536

/** Questions to one userinfo endpoint that are under way. */
export const USER_INFOS_UNDER_WAY_MAX = 256

/** Proofs of DPoP that are remembered, in each of the two generations; each takes some 150 bytes. */
export const DPOP_PROOFS_MAX = 100_000

/** So far the clocks of two gateways may be apart: a used proof is remembered for so much longer than it is good. */
export const DPOP_CLOCKS_APART_MS = 5_000

// Chosen by us: sessions in cookies.

/** Browsers keep 4096 bytes of a cookie with its name and attributes (RFC 6265 section 6.1). */
export const COOKIE_CHARS_MAX = 3_800
/** Cookies that one session may take. */
export const SESSION_COOKIES_MAX = 3
/** Before its end an access token is refreshed: so long before, or for the last quarter of a short life. */
export const REFRESH_EARLY_MS_MAX = 30_000
/** Refreshes under way in one gateway. */
export const RENEWALS_UNDER_WAY_MAX = 256
/** For so long requests with the old cookie get what came of its refresh. */
export const RENEWAL_KEPT_MS = 60_000
/** Between two attempts while the issuer cannot be asked. */
export const RENEWAL_RETRY_MS = 2_000
/** Outcomes in each of the two generations that are remembered; each has some 10 KB. */
export const RENEWALS_KEPT_MAX = 500
/** Refreshes one after the other that are looked at for one request: each of tokens that were over when they were found. */
export const RENEWALS_IN_ROW_MAX = 3
/** What a lease on a refresh has beyond the time of two questions to the issuer: the tokens, and the keys to check them. */
export const RENEWAL_LEASE_MS_MORE = 1_000
/** Between two looks at what another gateway's refresh has come to: twice as long each time, up to the second. */
export const RENEWAL_PAUSE_MS_MIN = 20
export const RENEWAL_PAUSE_MS_MAX = 250
