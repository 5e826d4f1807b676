/* Fixed by specification: nothing here. PROXY header, token and limiter bounds are with their layers. */

/* Chosen by us: what a client may send. */
export const HEADER_BYTES_MAX = 16 * 1024
export const HEADERS_MAX = 100
export const URI_BYTES_MAX = 8 * 1024
export const PROXY_HEADER_BYTES_MAX = 536
/** Bodies up to this size are read whole before they are sent on, so that they can be sent again. */
export const BODY_BUFFER_BYTES_MAX = 64 * 1024
/** Pieces of a body that are kept before they are put together. */
export const BODY_PIECES_MAX = 64
/** Requests of one connection that are not answered yet. One read can hold a thousand, and all would be served in one turn. */
export const PIPELINED_MAX = 64
/** A refused request may have this much of a body left for the connection to stay. */
export const BODY_DISCARD_BYTES_MAX = 64 * 1024
/** A client that is refused while it sends is listened to for this long and this much, so that it gets the answer. */
export const LINGER_MS_MAX = 1_000
export const LINGER_BYTES_MAX = 4 * 1024 * 1024

/* Chosen by us: how slow a client may be. */
export const PROXY_HEADER_TIMEOUT_MS = 3_000
export const HANDSHAKE_TIMEOUT_MS = 10_000
export const HEADERS_TIMEOUT_MS = 10_000
/** A whole request, body and all; also for what is left of the body of a refused one. */
export const REQUEST_TIMEOUT_MS = 120_000
export const CONNECTIONS_CHECK_MS = 1_000
/** Below what the balancer takes for an idle connection. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000
/** A body must come at this rate after the grace. */
export const BODY_BYTES_PER_SECOND_MIN = 512
export const BODY_GRACE_MS = 5_000
/** A client that takes no byte of its answer for so long is gone. */
export const SEND_STALL_MS = 30_000

/* Chosen by us: the door. */
export const BACKLOG = 4_096
export const CONNECTIONS_MAX = 16_384
export const DRAIN_MS_MAX = 10_000
export const DRAIN_TICK_MS = 50
/** While draining: connections that are not through with TLS by then are ended. */
export const DRAIN_HANDSHAKE_MS = 1_000
export const CERTIFICATE_RETRY_MS = 1_000
export const CERTIFICATE_RETRY_MS_MAX = 30_000
/** A certificate whose issuer signs no more is replaced within this, or a tenth of its life. */
export const CERTIFICATE_SPREAD_MS_MAX = 10_000

/* Chosen by us: the way to services. */
export const UPSTREAM_CONNECTIONS_MAX = 128
export const INSTANCES_MAX = 128
/** Answers of known length up to this size go out in one write, head and all. */
export const ANSWER_BUFFER_BYTES_MAX = 64 * 1024
