import type { ServerOptions } from 'node:http2'
import type { HeadBounds } from '@countersign/ground/http1'
import type { OperatorBounds } from './domain/operator/operator-route.ts'

/* Fixed by specification: nothing here. PROXY header, token and limiter bounds are with their layers. */

/* Chosen by us: what a client may send. */
export const HEADER_BYTES_MAX = 16 * 1024
export const HEADERS_MAX = 100
export const URI_BYTES_MAX = 8 * 1024
/** What a head may have; above it ends the connection. */
export const HEAD_BOUNDS: HeadBounds = {
  headBytesMax: HEADER_BYTES_MAX,
  headersMax: HEADERS_MAX,
  targetBytesMax: URI_BYTES_MAX,
}
export const CHUNK_EXTENSION_BYTES_MAX = 1_024
export const TRAILER_BYTES_MAX = 4 * 1024
export const TRAILERS_MAX = 32
/** Certificates of a client that are looked at. */
export const PEER_CHAIN_MAX = 8
/** Pieces of one head that are parsed as they come; further ones when a line ends or the head has doubled. */
export const PIECES_LOOKED_AT = 16
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

/* Chosen by us: what a connection of HTTP/2 may have and cost. */
/** What all its streams together may have sent without being read. */
export const H2_CONNECTION_WINDOW_BYTES = 1024 * 1024
export const H2_SESSION: ServerOptions = {
  settings: {
    enablePush: false,
    /** Without being read, of one stream. */
    initialWindowSize: 64 * 1024 - 1,
    maxConcurrentStreams: 100,
    maxFrameSize: 16 * 1024,
    maxHeaderListSize: HEADER_BYTES_MAX,
  },
  maxHeaderListPairs: HEADERS_MAX + 8,
  /** Megabytes. */
  maxSessionMemory: 8,
  maxSettings: 16,
  maxOutstandingPings: 4,
  /** Streams that are refused count here, too. */
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 100,
  /** A second line behind H2_RESETS_BURST: the engine's own count. */
  streamResetBurst: 500,
  streamResetRate: 50,
  strictSingleValueFields: false,
}
/** From the word that a client costs too much to the end of its connection; what it asks until then is not served. */
export const H2_CALM_MS = 50
/** Streams that came to nothing: a page that is left takes back all that it has asked for. */
export const H2_RESETS_BURST = 200
export const H2_RESETS_PER_SECOND = 20
/** PING and SETTINGS, which have to be answered. */
export const H2_CONTROL_FRAMES_PER_SECOND = 100
/** Bytes that are neither head nor body: frames around them, windows, priorities, padding. */
export const H2_OVERHEAD_BYTES_PER_SECOND = 512 * 1024
export const H2_OVERHEAD_BYTES_BURST = 2 * 1024 * 1024

/* Chosen by us: how slow a client may be. */
export const PROXY_HEADER_TIMEOUT_MS = 3_000
export const HANDSHAKE_TIMEOUT_MS = 10_000
/** Between two portions of connections that are looked at. */
export const SWEEP_PAUSE_MS = 1
export const HEADERS_TIMEOUT_MS = 10_000
/** A whole request, body and all; also for what is left of the body of a refused one. */
export const REQUEST_TIMEOUT_MS = 120_000
/** Each time all connections are looked at: how late a bound of time may be noticed. */
export const CONNECTIONS_CHECK_MS = 1_000
/** Below what the balancer takes for an idle connection. */
export const KEEP_ALIVE_TIMEOUT_MS = 75_000
/** A body must come at this rate after the grace. */
export const BODY_BYTES_PER_SECOND_MIN = 512
export const BODY_GRACE_MS = 5_000
/** A client that takes no byte of its answer for so long is gone. */
export const SEND_STALL_MS = 30_000

/* Chosen by us: connections that speak WebSocket. */
export const TUNNELS_MAX = 1_024
export const TUNNEL_CHECK_MS = 1_000

/* Chosen by us: what goes on while the configuration changes. */
/** Asked about in one turn of the event loop. */
export const REVIEWS_PER_TURN = 32
/** Where it cannot be told whether it may go on. */
export const REVIEW_RETRY_MS = 1_000
export const REVIEW_TRIES_MAX = 10

/* Chosen by us: the door. */
export const BACKLOG = 4_096
export const CONNECTIONS_MAX = 32_768
/** How long a session can be resumed, at most; below the life of the keys that seal it. */
export const SESSION_SECONDS_MAX = 1_800
export const DRAIN_MS_MAX = 10_000
export const DRAIN_TICK_MS = 50
/** While draining: a request may be on its way on a connection that is idle; so long it is still heard, and answered. */
export const DRAIN_IDLE_MS = 1_000
/** While draining: connections that are not through with TLS by then are ended. */
export const DRAIN_HANDSHAKE_MS = 1_000
export const CERTIFICATE_RETRY_MS = 1_000
export const CERTIFICATE_RETRY_MS_MAX = 30_000
/** A certificate whose issuer signs no more is replaced within this, or a tenth of its life. */
export const CERTIFICATE_SPREAD_MS_MAX = 10_000

/* Chosen by us: the way to services. */
export const UPSTREAM_CONNECTIONS_MAX = 128
export const INSTANCES_MAX = 128
/** Targets of one upstream, and addresses of one of them. */
export const TARGETS_MAX = 512
export const ADDRESSES_MAX = 64
/** However long an operator would wait for a connection: another target may have one. */
export const CONNECT_MS_MAX = 5_000
/** Sent so often at most, whatever `retries` says, each within the one budget. */
export const RETRIES_MAX = 5
/** How long what a name server said holds: its own word, within these, and where it has none. */
export const DNS_SECONDS_MIN = 1
export const DNS_SECONDS_MAX = 300
export const DNS_SECONDS = 10
export const DNS_RETRY_MS = 2_000
export const DNS_TIMEOUT_MS = 2_000
/** A request that comes before its destination is known waits for so long at most. */
export const FIRST_ADDRESS_MS_MAX = 3_000
/** How often it is looked which checks are due, and how many run at one time in all. */
export const CHECK_TICK_MS = 100
export const CHECKS_MAX = 64
export const CHECK_BYTES_MAX = 64 * 1024
/** What is found of targets goes to the control plane when it has changed, and after this in any case. */
export const REPORT_MS = 10_000
export const REPORT_TARGETS_MAX = 20_000

/* Chosen by us: when load is shed. Well above what a thousand requests at once take; below what clients wait. */
export const QUEUE_TARGET_MS = 1_000
export const QUEUE_INTERVAL_MS = 500
/** So often in a row at least: one stall of the machine is no queue. */
export const QUEUE_SEEN_MIN = 5
/** To wait for a connection may take so much longer: that a service is slow is no fault of ours, and its answer is worth it. */
export const CONNECTION_WAIT_FACTOR = 5

/** Answers of known length up to this size go out in one write, head and all. */
export const ANSWER_BUFFER_BYTES_MAX = 64 * 1024
/** Up to this size a body is copied behind its head; above, both leave together as they are. */
export const JOINED_BYTES_MAX = 16 * 1024

/* Chosen by us: the configuration from the control plane. */
export const FEED_WAIT_SECONDS = 25
export const FEED_PAUSE_MS = 50
export const FEED_RETRY_MS = 250
export const FEED_RETRY_MS_MAX = 10_000
/** While nothing is served yet, and nobody is let pass. */
export const FEED_FIRST_RETRY_MS_MAX = 500
export const FAULT_CHARS_MAX = 1_000

/* Chosen by us: routes of operators, where no plugin says otherwise. */
export const OPERATOR_BOUNDS: OperatorBounds = {
  limit: { scope: 'person', windows: [{ name: 'second', seconds: 1, max: 100 }] },
  bodyBytesMax: 1024 * 1024,
  bodyBytesMost: 1024 * 1024 * 1024,
}

/* Chosen by us: what plugins may take. */
export const SHARED_STORES_MAX = 256
export const FETCH_TIMEOUT_MS = 5_000
export const FETCH_TIMEOUT_MS_MAX = 60_000
export const FETCH_BYTES_MAX = 4 * 1024 * 1024
