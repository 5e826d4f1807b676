import type { Deadlines, Mortal } from './deadlines.ts'
import { STREAM_MS_MAX } from './limits.ts'
import { UpstreamError, type UpstreamErrorCode } from './upstream-error.ts'
import type { Receiver } from './upstream-receiver.ts'
import type { UpstreamRequest } from './upstream-request.ts'
import type { WaitingLine } from './upstream-waiting.ts'

/** What a request runs on. */
interface Carrier {
  destroy(): void
}

/** One request and its answer. Made once for each request, so it holds all the state there is. */
export class Exchange implements Mortal {
  readonly request: UpstreamRequest
  /** The head as it is written. */
  readonly head: string
  readonly receiver: Receiver
  deadline: number
  /** For an answer that goes on and on. */
  readonly #lastMs: number
  readonly #deadlines: Deadlines
  sooner: Mortal | undefined
  later: Mortal | undefined
  readonly #onDone: () => void

  /** Where it waits, in which place, and between whom. */
  line: WaitingLine | undefined
  arrival = 0
  before: Exchange | undefined
  behind: Exchange | undefined

  /** Where it runs. */
  connection: Carrier | undefined
  sent = false
  answered = false
  /** The receiver has heard the end, or has the connection itself. */
  over = false

  constructor(
    request: UpstreamRequest,
    receiver: Receiver,
    options: { head: string; deadlines: Deadlines; onDone: () => void },
  ) {
    this.request = request
    this.receiver = receiver
    this.head = options.head
    const now = performance.now()
    this.deadline = now + request.timeoutMs
    this.#lastMs = now + STREAM_MS_MAX
    this.#deadlines = options.deadlines
    this.#onDone = options.onDone
    this.#deadlines.add(this)
  }

  /** A part of the answer has come, or the next is wanted: it has its own time. */
  progress(): void {
    const { stallMs } = this.request
    if (stallMs !== undefined) this.deadline = Math.min(performance.now() + stallMs, this.#lastMs)
  }
  /** A part of the body is out, and more is taken or not: each part has its own time, until the answer begins. */
  wrote(isTaken: boolean): void {
    const { writeMs, timeoutMs } = this.request
    if (writeMs === undefined || this.answered) return
    this.deadline = Math.min(performance.now() + (isTaken ? timeoutMs : writeMs), this.#lastMs)
  }
  /** The receiver has enough for now: nothing is waited for. */
  rest(): void {
    if (this.request.stallMs !== undefined) this.deadline = this.#lastMs
  }
  expire(): void {
    this.cancel(this.errorOf('TIMEOUT', 'the deadline passed'))
  }
  /** Ends it early. The connection is given up, since what comes on it could not be told apart. */
  cancel(error: UpstreamError = this.errorOf('ABORTED', 'the caller gave up')): void {
    if (this.over) return
    this.line?.remove(this)
    this.line = undefined
    const { connection } = this
    this.fail(error)
    connection?.destroy()
  }
  /** The answer is complete. */
  end(trailers: readonly string[] | undefined): void {
    if (this.over) return
    this.#finish()
    this.#onDone()
    this.receiver.end(trailers)
  }
  fail(error: UpstreamError): void {
    if (this.over) return
    this.#finish()
    this.#onDone()
    this.receiver.error(error)
  }
  /** The receiver has the connection from now on. Call the result when that has ended. */
  handOver(): () => void {
    this.#finish()
    return this.#onDone
  }
  errorOf(code: UpstreamErrorCode, message: string, cause?: unknown): UpstreamError {
    return new UpstreamError(code, message, { sent: this.sent, answered: this.answered, cause })
  }

  #finish(): void {
    this.over = true
    this.connection = undefined
    this.#deadlines.delete(this)
  }
}
