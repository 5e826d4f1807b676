// Fixed by the systems below us

/** Longest path of a unix socket that Linux (108) and macOS (104) both take, with room for the closing zero. */
export const SOCKET_PATH_BYTES_MAX = 100

// Chosen by us

/**
 * All ports that we choose lie below those that systems give to outgoing connections (Linux: from 32768). A platform has a
 * block to itself, with room for the processes of one that has as many authorities and gateways as can be configured.
 */
export const PORT_BLOCKS = { min: 10_000, size: 64, count: 62 }
/** Those that stay from start to start. */
export const KEPT_PORT_MIN = 14_000
export const KEPT_PORT_MAX = 23_999
export const KEPT_PORT_TRIES_MAX = 200

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
/** What has started gets this time to say itself that it is ready, and is asked this often. */
export const SETTLE_MS_MAX = 20_000
export const SETTLE_ASK_MS = 50
/** An orderly stop of everything ends within this time; what is left then is killed. */
export const STOP_MS_MAX = 4_000
/** Longest part of it that one group of processes may take. */
export const STOP_GROUP_MS_MAX = 1_500
/** One that is stopped alone may take so long. */
export const STOP_PART_MS_MAX = 5_000
/** One that is to come back gets this time for what is under way: a little more than a gateway takes at most. */
export const RESTART_STOP_MS_MAX = 12_000
/** The start of one. */
export const START_CALL_MS_MAX = READY_MS_MAX + SETTLE_MS_MAX
/** Its stop and its start. The supervisor goes on where the command does not wait any longer. */
export const RESTART_CALL_MS_MAX = RESTART_STOP_MS_MAX + START_CALL_MS_MAX
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

/** More would only ask each other. */
export const AUTHORITIES_MAX = 5
/** More take the machine from the services behind them. */
export const GATEWAYS_MAX = 16
/** With `cores`, also where there is one core: a gateway that ends leaves another. */
export const GATEWAYS_OF_CORES_MIN = 2
/** Items of a setting that is a list. */
export const LIST_ITEMS_MAX = 64
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
/** Events that `gateway diff` reads, and in how many pages. */
export const RECORD_MAX = 10_000
export const RECORD_PAGES_MAX = 11
/** One question of `audit tail --follow` waits so long for an event. */
export const AUDIT_WAIT_MS = 25_000

/** Of the line that begins a backup, of one entry, of a path in it, and of what is read of a file at once. */
export const BACKUP_HEADER_BYTES_MAX = 4_096
export const BACKUP_ENTRY_BYTES_MAX = 8_192
export const BACKUP_PATH_CHARS_MAX = 1_024
export const BACKUP_READ_BYTES = 262_144
/** Fast; pages of databases are mostly empty. */
export const BACKUP_GZIP_LEVEL = 3

/** Where no authority answers the question is asked once more, after a moment. */
export const ASK_ROUNDS_MAX = 2
export const ASK_AGAIN_MS = 500
/** Certificates that one question brings; fixed by the contract of the authority. */
export const CERTIFICATES_MAX = 1_000
/** How often a rotation looks whether its next step may be taken. */
export const ROTATION_LOOK_MS = 1_000
/** A serial may be cut to so many digits where that leaves one certificate. */
export const SERIAL_PREFIX_MIN = 4
export const PASSPHRASE_BYTES_MAX = 1_024
/** Key and certificate of an identity on disk are read so often until they belong together. */
export const IDENTITY_READS_MAX = 10
export const IDENTITY_READ_MS = 20
/** How often the kept list of what was taken back is looked at. */
export const KEEP_TRUST_MS = 1_000
/** A start waits so long for what the authorities say of trust. */
export const FIRST_WORD_MS_MAX = 2_000
/** Who needs a token waits so long for the desk, where that comes back itself. Less than an orderly stop may take. */
export const MINT_WAIT_MS_MAX = 3_000
/** So many who are in the way of a step are named in one line. */
export const WAITED_FOR_SHOWN = 6

/** How often an adopted program is looked at, and after how many failures in a row nobody is sent to it. */
export const ADOPTED_LOOK_MS = 1_000
export const ADOPTED_FAILURES_MAX = 2
export const ADOPTED_LOOK_MS_MAX = 2_000
/** Callers have left an adopted program so long after it was taken off the list; then it is stopped. */
export const ADOPTED_LEAVE_MS = 500
/** A stop of it is orderly until then. */
export const ADOPTED_STOP_MS_MAX = 10_000
/** A declarative text; the control plane takes 16 MiB. */
export const KONG_FILE_CHARS_MAX = 16 * 1024 * 1024
/** Fixed by the contract of the control plane. */
export const HISTORY_MAX = 200
/** After a change the gateways are looked at for so long, so often. */
export const SERVED_WAIT_MS = 5_000
export const SERVED_LOOK_MS = 100
/** Differing decisions that are shown; `--json` has all. */
export const DECISIONS_SHOWN_MAX = 40
