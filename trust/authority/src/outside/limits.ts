import type { Rate } from '../limits.ts'
import type { HttpsBounds } from './bounded-https.ts'

const SECOND = 1_000

/* Fixed by specification: nothing here. */

/* Chosen by us: what a client of the outside door may send. */
/** Enough for a list query of OCSP (RFC 5019 asks for 255 characters of it) and the headers of a browser. */
const OUTSIDE_HEADER_BYTES_MAX: number = 16 * 1024
const OUTSIDE_HEADERS_MAX = 64
export const OUTSIDE_URL_CHARS_MAX: number = 8 * 1024
/** Where a route says nothing. */
export const OUTSIDE_BODY_BYTES_MAX: number = 16 * 1024
/** No route may ask for more. */
export const OUTSIDE_BODY_BYTES_LIMIT: number = 256 * 1024
/** Of a body that nobody reads so much is swallowed, so that the answer arrives. */
export const OUTSIDE_DISCARD_BYTES_MAX: number = 64 * 1024
export const OUTSIDE_ROUTES_MAX = 128

/* Chosen by us: how many, and how slow. */
export const OUTSIDE_BOUNDS: HttpsBounds = {
  headerBytesMax: OUTSIDE_HEADER_BYTES_MAX,
  headersMax: OUTSIDE_HEADERS_MAX,
  handshakeMsMax: 5 * SECOND,
  headersMsMax: 5 * SECOND,
  requestMsMax: 10 * SECOND,
  keepAliveMsMax: 15 * SECOND,
  /** A client that takes no byte of its answer for so long is gone. */
  stallMsMax: 20 * SECOND,
  requestsPerConnectionMax: 256,
  pipelinedMax: 8,
  connectionsMax: 512,
  connectionsPerAddressMax: 128,
  drainMsMax: 5 * SECOND,
}
export const OUTSIDE_IN_FLIGHT_MAX = 128
/** A handler that takes longer is answered for. */
export const OUTSIDE_HANDLER_MS_MAX: number = 30 * SECOND
/** Requests of one address, or one /64 of IPv6: so many at once, and so many a second in the long run. */
export const OUTSIDE_PER_ADDRESS: Rate = { burst: 300, perSecond: 50 }

/** The door's own certificate. */
export const DOOR_RETRY_MS_MIN: number = SECOND
export const DOOR_RETRY_MS_MAX: number = 60 * SECOND

/** Authorities whose directories are known beside the own one. */
export const DIRECTORIES_MAX = 64
