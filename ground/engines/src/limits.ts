// Fixed by others.
/** Longest path of a unix socket: 104 bytes with its end on macOS, 108 on Linux. The smaller one holds everywhere. */
export const SOCKET_PATH_BYTES_MAX = 103
/** Longest name of a role or database in PostgreSQL. */
export const NAME_BYTES_MAX = 63

// Chosen by us.
/** Between the start of an engine and its first answer. */
export const START_MS_MAX = 20_000
export const START_TRIES_MAX = 3
export const POLL_MS = 10
/** For each signal of a stop, before the next one is sent. */
export const STOP_MS = 4_000
/** Making a data folder, on a slow disk. */
export const INIT_MS_MAX = 60_000
/** A command that only prints its version. */
export const VERSION_MS_MAX = 5_000
/** An engine's own log is cut when it grows past this. */
export const LOG_BYTES_MAX = 8 * 1024 * 1024
export const LOG_CHECK_MS = 30_000
/** How much of the log an error shows. */
export const LOG_TAIL_BYTES = 2_048
/** PostgreSQL connections, over all services. */
export const CONNECTIONS_MAX = 60
export const REDIS_MEMORY_MB = 64
export const REDIS_CLIENTS_MAX = 256
export const DYNAMO_CONNECTIONS_MAX = 256
/** Time for a whole request to reach dynalite. */
export const DYNAMO_REQUEST_MS_MAX = 10_000
