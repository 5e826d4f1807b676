import { CodedError } from '@countersign/ground/errors'

/** Why a request to another workload has no answer. */
export type UpstreamErrorCode =
  /** No connection could be made. */
  | 'CONNECT_FAILED'
  /** Who answered is not who was expected, or cannot prove it. */
  | 'PEER_REFUSED'
  /** The connection ended before the answer did. */
  | 'CONNECTION_LOST'
  /** The deadline passed. */
  | 'TIMEOUT'
  /** The caller gave up. */
  | 'ABORTED'
  /** The answer is no HTTP, or its head is too large. */
  | 'ANSWER_MALFORMED'
  | 'ANSWER_TOO_LARGE'
  /** Too many requests to this instance already. */
  | 'OVERLOADED'
  /** The request itself cannot be written. */
  | 'REQUEST_INVALID'
  | 'CLOSED'

export class UpstreamError extends CodedError<UpstreamErrorCode> {
  /** Whether the request may have reached the other side. False is certain, true is not. */
  readonly sent: boolean
  /** Whether the head of an answer was seen. */
  readonly answered: boolean
  constructor(
    code: UpstreamErrorCode,
    message: string,
    seen: { sent?: boolean; answered?: boolean; cause?: unknown } = {},
  ) {
    super(code, message, seen.cause === undefined ? {} : { cause: seen.cause })
    this.name = 'UpstreamError'
    this.sent = seen.sent ?? false
    this.answered = seen.answered ?? false
  }
}
