/*
 * Bounds of the control plane.
 */

// Chosen by us: the history.

/** Versions that can be rolled back to. */
export const VERSIONS_MAX = 1_000
/** What those may take on disk; the oldest go first. */
export const HISTORY_BYTES_MAX = 64 * 1024 * 1024
/** Entities of a difference that an audit event names; it says how many there are in all. */
export const TOLD_CHANGES_MAX = 12
export const TOLD_CHARS_MAX = 500
export const LOCK_TIMEOUT_MS = 2_000
/** Changes that wait for the one under way. */
export const WAITING_CHANGES_MAX = 64

// Chosen by us: the Admin API.

export const ADMIN_BODY_BYTES_MAX = 1024 * 1024
export const CONFIG_BODY_BYTES_MAX = 16 * 1024 * 1024
export const ADMIN_HEAD_BYTES_MAX = 16 * 1024
export const ADMIN_HEAD_MS_MAX = 10_000
export const ADMIN_REQUEST_MS_MAX = 30_000
export const ADMIN_CONNECTIONS_MAX = 128
export const ADMIN_URL_CHARS_MAX = 4_096
/** Of one actor. `POST /config` and bulk tools stay far below it. */
export const ADMIN_REQUESTS_PER_SECOND = 200
/** Wrong keys, in all: everybody on loopback has the same address. A right key passes whatever was spent. */
export const ADMIN_FAILURES_PER_SECOND = 10

// Chosen by us: admin keys.

export const ADMIN_KEY_BYTES = 32
export const ADMIN_KEY_MS = 8 * 60 * 60_000
/** Of one person; a new one takes the place of the oldest. */
export const ADMIN_KEYS_PER_PERSON_MAX = 8
export const ADMIN_KEYS_MAX = 256

/** How often it is asked whether who holds a key may still hold one. */
export const HOLDER_CHECK_MS = 1_000
/** For how long the last answer counts while nobody can tell. */
export const HOLDER_TRUSTED_MS = 5 * 60_000
/** For an answer. */
export const HOLDER_ANSWER_MS_MAX = 3_000

// Chosen by us: the feed.

/** All entities as JSON: what a gateway takes at once is a little more. */
export const CONFIG_BYTES_MAX = 8 * 1024 * 1024
export const WAITERS_MAX = 64
export const GATEWAYS_MAX = 64
/** A gateway that has not asked for so long is away. */
export const GATEWAY_SILENT_MS = 90_000

// Chosen by us: the declarative file.

export const FILE_LOOK_MS = 1_000
