/* Fixed by spec: none yet. */

/* Chosen by us. */
/** A request head that takes longer than this is cut off. */
export const HEAD_TIMEOUT_MS = 10_000
/** A request that takes longer than this to arrive as a whole is cut off. */
export const REQUEST_TIMEOUT_MS = 30_000
/** Idle connections are kept this long: longer than clients keep theirs, so that it is they who let go. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000
export const HEADER_BYTES_MAX = 16 * 1024
/** Connections to one listener; more wait in the kernel. */
export const CONNECTIONS_MAX = 20_000
/** An instance that left the registry goes on for so long: until those who call it have heard. */
export const CALLERS_HEAR_MS = 200
/** How long a stopping instance waits for what is in flight. */
export const DRAIN_MS = 3_000
/** How long a stopping instance waits for the collector to take the last events; the rest stays on the spool. */
export const FLUSH_MS = 800
/** How long a first call waits for what the registry knows. */
export const FIRST_WORD_MS = 2_000
/** Single addresses that are called, most recent ones first; the registry probes as many instances as it has. */
export const PINNED_MAX = 512
export const REPLY_BYTES_MAX = 16 * 1024 * 1024
/** After this long a process has loaded all that it needs at first. */
export const SETTLED_MS = 3_000
/** How long a connection whose root is trusted no more may take to end what is under way. As long as callers take. */
export const LEAVE_MS_MAX = 60_000
/** For its last bytes, once nothing is owed. */
export const LEAVE_WRITE_MS_MAX = 1_000
/** Refused peers that are remembered, so that each is put on record once. */
export const REFUSED_PEERS_MAX = 1_024
/** A peer that goes on knocking is put on record again after this. */
export const REFUSED_AGAIN_MS = 10 * 60_000
/** Of what a workload says that it waits for. */
export const WAITS_FOR_CHARS_MAX = 300
