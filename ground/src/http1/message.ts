/*
 * A message of HTTP/1.1 as it is on the wire (RFC 9112), between parser, door and upstream. Texts are latin1.
 */

/** Name, value, name, value …, as received; values without white space around them. */
export type FlatHeaders = readonly string[]

/** Where the body ends, RFC 9112 section 6.3. `bytes` belongs to `length`. `close`: answers only. */
export interface Framing {
  readonly kind: 'none' | 'length' | 'chunked' | 'close'
  readonly bytes: number
}

/**
 * The fields of a head as they stand in its text: from this offset on lines of name, colon, one space, value, CR LF, in the
 * order of the headers. For who hands them on: what a parser has looked at need not be looked at again.
 */
export interface FieldLines {
  readonly text: string
  readonly from: number
}

export interface RequestHead {
  readonly method: string
  /** As sent. */
  readonly target: string
  /** HTTP/1.0 or HTTP/1.1. */
  readonly minor: 0 | 1
  readonly headers: FlatHeaders
  /** `undefined`: some line is not of this form. */
  readonly lines?: FieldLines | undefined
  readonly framing: Framing
  /** The client does not ask to close after the answer. */
  readonly keepAlive: boolean
  readonly expectsContinue: boolean
  /** Value of `Upgrade`, in lower case, where `Connection` names it. */
  readonly upgrade: string | undefined
}

export interface ResponseHead {
  readonly status: number
  readonly minor: 0 | 1
  readonly headers: FlatHeaders
  /** `undefined`: some line is not of this form. */
  readonly lines?: FieldLines | undefined
  readonly framing: Framing
  readonly keepAlive: boolean
}

/** Bounds of a head; over them the parser gives a fault. */
export interface HeadBounds {
  readonly headBytesMax: number
  readonly headersMax: number
  readonly targetBytesMax: number
}

/** What is wrong with bytes that are no message. */
export interface HeadFault {
  readonly kind: 'malformed' | 'head-too-large' | 'too-many-headers' | 'target-too-long'
  /** The rule that was broken, for the log. */
  readonly rule: string
}
