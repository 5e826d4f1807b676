// Fixed by the systems below us

/** Longest path of a unix socket that Linux (108) and macOS (104) both take, with room for the closing zero. */
export const SOCKET_PATH_BYTES_MAX = 100

// Chosen by us

/** Layout of the state folder. A higher number in a folder means that a newer countersign made it. */
export const STATE_VERSION = 1

/** A crashed process comes back after this time; each further crash doubles the wait. */
export const RESTART_DELAY_MS_MIN = 100
export const RESTART_DELAY_MS_MAX = 5_000
/** A process that lived this long starts again with the shortest wait. */
export const RESTART_RESET_MS = 30_000
/** So many exits before it was ever ready, and `up` gives up. */
export const FIRST_START_ATTEMPTS_MAX = 3

/** Longest time from the start of a process to its word that it is ready. */
export const READY_MS_MAX = 45_000
/** An orderly stop of everything ends within this time; what is left then is killed. */
export const STOP_MS_MAX = 4_000
/** Longest part of it that one group of processes may take. */
export const STOP_GROUP_MS_MAX = 1_500
/** Signals that follow the first within this time are the same wish: terminals and npm send several. */
export const SECOND_SIGNAL_MS_MIN = 1_000

export const FAILURE_TEXT_MAX = 16_384
export const JOIN_TOKEN_SECONDS = 120
/** `down` waits so long: an orderly stop, the engines, and the killing of what is left. */
export const DOWN_MS_MAX = 10_000
export const CONTROL_LINE_BYTES_MAX = 1024 * 1024
export const CONTROL_CALL_MS_MAX = 10_000
export const CONTROL_CONNECTIONS_MAX = 64
export const REDIS_REACH_MS_MAX = 2_000
export const PROBE_MS_MAX = 1_500
export const DETACHED_READY_MS_MAX = 120_000

export const LOG_BYTES_MAX = 10 * 1024 * 1024
export const LOG_CHECK_MS = 5_000
export const LOG_TAIL_BYTES_MAX = 4 * 1024 * 1024

export const CONFIG_BYTES_MAX = 256 * 1024
/** An audit event reaches the log a moment after the answer reaches the caller. */
export const EXPLAIN_WAIT_MS = 2_000
export const TOUR_WAIT_MS = 5_000
export const DOOR_BODY_BYTES_MAX = 1024 * 1024
export const DOOR_MS_MAX = 15_000
/** Lines of its log that are shown of a process which did not start. */
export const START_FAILURE_LINES = 8
/** The doctor looks up when more than this waits for the collector. */
export const SPOOL_BYTES_ATTENTION = 4 * 1024 * 1024
export const COUNT_MAX = 100_000
/** How often `--follow` looks for more. */
export const FOLLOW_MS = 250
/** Fixed by the contract of the audit service. */
export const AUDIT_PAGE_MAX = 1_000
/** One question of `audit tail --follow` waits so long for an event. */
export const AUDIT_WAIT_MS = 25_000
