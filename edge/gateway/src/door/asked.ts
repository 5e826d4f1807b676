import type { FieldLines, FlatHeaders } from '@countersign/ground/http1'
import type { Duplex } from 'node:stream'
import type { AnswerLines } from './answer-lines.ts'

/*
 * What the stack knows of a request and of its answer, whatever protocol they came with. The door of HTTP/1.1 makes them
 * (`h1-incoming.ts`, `h1-reply.ts`); any other door makes the same two. Both are made once for each request and hold all
 * the state there is: who wants to be told gives one object, not a closure for each event.
 */

/** Is told of the body of a request. After `end` or `gone` comes nothing more. */
export interface BodyReader {
  /** Never empty. The bytes stay as they are: who takes them may keep them. May call `pause`. */
  data(chunk: Buffer): void
  /** The body is whole. */
  end(): void
  /** There will be no more of it: the client went away, sent what is no body, or (`slow`) sent it too slowly. */
  gone(why: 'closed' | 'broken' | 'slow'): void
}

/** One request. Header values are latin1, as on the wire. */
export interface Incoming {
  readonly method: string
  /** As sent; the door of HTTP/2 gives `:path`. */
  readonly target: string
  readonly version: '1.0' | '1.1' | '2'
  /** Name, value, name, value …, as received; HTTP/2's `:authority` comes as `host`, other pseudo-headers do not come. */
  readonly headers: FlatHeaders
  /** The headers as they were read, for who hands them on; only where they came so. */
  readonly lines?: FieldLines | undefined
  /** The first value of a header. `name` in lower case. */
  header(name: string): string | undefined
  /** Bytes of the body as declared; 0 where there is none; `undefined` where only its end will tell. */
  readonly length: number | undefined
  readonly expectsContinue: boolean
  /** Protocol that the client would like to change to, in lower case. */
  readonly upgrade: string | undefined
  /** The body was received whole, or there is none. */
  readonly complete: boolean
  /** Hands the body on as it comes, also what has come before. At most one reader at a time; a second takes over. */
  read(reader: BodyReader): void
  /** Nothing more is handed on until `resume`, and the client is held back. */
  pause(): void
  resume(): void
  /** Nobody wants the rest: it flows away, within the bounds of the door. */
  discard(): void
  /**
   * The body is a conversation: it may pause for so long, has no rate to keep, and ends when it ends. Absent where the
   * protocol has no such bodies.
   */
  allowPauses?(msMax: number): void
}

/** Is told of an answer. */
export interface ReplyListener {
  /** What was written has left: more may come after a `write` that returned false. */
  drained(): void
  /** Once. `whole`: the answer has left this process to its last byte; otherwise the client is gone. */
  closed(whole: boolean): void
}

/**
 * One answer. Headers are flat, without `date` and what frames the message (`connection`, `keep-alive`,
 * `transfer-encoding`), which the door adds. A `content-length` among them has to be true. Throws `TypeError` for a header
 * that is none. After the end, or when the client is gone, calls do nothing.
 */
export interface Reply {
  /** The head of the final answer is written, or waits for its turn behind earlier answers. */
  readonly headSent: boolean
  /** Nothing can be sent any more: the client is gone, or the answer was broken off. */
  readonly destroyed: boolean
  /** At most one. Set before the end of the answer. Is told at once where it is over already. */
  listen(listener: ReplyListener | undefined): void
  /** `100 Continue`, at most once. */
  continue(): void
  /** The whole answer, in one write. A body is left out where there can be none: HEAD, 204 and 304. */
  send(status: number, headers: FlatHeaders, body: Buffer | undefined): void
  /** The same with lines in place of headers, of an answer that may have a body. Only where they are written so. */
  sendLines?(status: number, lines: AnswerLines, body: Buffer | undefined): void
  /** The head of an answer whose body comes piece by piece. */
  head(status: number, headers: FlatHeaders): void
  /** A piece of the body. False: no more until `drained`. */
  write(chunk: Buffer): boolean
  end(last?: Buffer): void
  /**
   * Trailers that leave behind the body; told before its `end`. A protocol or an answer that cannot have them leaves them
   * out. Throws `TypeError` for what is no trailer.
   */
  trailers?(trailers: FlatHeaders): void
  /** Breaks off: the client sees that the answer is not whole. */
  destroy(): void
  /** Writes the head of a change of protocol (101) and gives what is under it, paused; no answer follows. Once, before any head. */
  tunnel(status: number, headers: FlatHeaders): Duplex
}
