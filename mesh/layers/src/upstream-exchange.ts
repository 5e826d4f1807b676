import type { Dispatcher } from 'undici'
import type { Deadlines, Mortal } from './deadlines.ts'
import { toUpstreamError, UpstreamError } from './upstream-error.ts'

/** Takes an answer as it comes. Exactly one of `end` and `error` is called, once, and nothing after it. */
export interface Receiver {
  /**
   * Status and headers (name, value, name, value …) of the final answer.
   * Return false to get nothing more until `resume` is called.
   */
  head(status: number, rawHeaders: readonly Buffer[], resume: () => void): boolean
  /** Return false to get nothing more until the `resume` of `head` is called. */
  data(chunk: Buffer): boolean
  end(): void
  error(error: UpstreamError): void
}

/** One request and its answer, as undici's handler. Made once for each request, so it holds all the state there is. */
export class Exchange implements Dispatcher.DispatchHandler, Mortal {
  readonly deadline: number
  readonly #receiver: Receiver
  readonly #deadlines: Deadlines
  readonly #onDone: () => void
  #abort: ((reason?: Error) => void) | undefined
  #sent = false
  #answered = false
  /** The receiver has heard the end. */
  #over = false
  /** Undici is through with it as well. */
  #done = false

  constructor(
    receiver: Receiver,
    options: { deadline: number; deadlines: Deadlines; onDone: () => void },
  ) {
    this.#receiver = receiver
    this.deadline = options.deadline
    this.#deadlines = options.deadlines
    this.#onDone = options.onDone
    this.#deadlines.add(this)
  }

  expire(): void {
    this.cancel(this.#error('TIMEOUT', 'the deadline passed'))
  }
  /** Ends it early. The connection is given up, since what comes on it could not be told apart. */
  cancel(error: UpstreamError = this.#error('ABORTED', 'the caller gave up')): void {
    if (this.#over) return
    this.#fail(error)
    // while it still waits for a connection there is nothing to abort: see onConnect
    this.#abort?.(error)
  }

  onConnect(abort: (reason?: Error) => void): void {
    if (this.#over) abort(this.#error('ABORTED', 'over before it was sent'))
    else {
      this.#abort = abort
      this.#sent = true
    }
  }
  onHeaders(status: number, rawHeaders: Buffer[], resume: () => void): boolean {
    if (status < 200 || this.#over) return true
    this.#answered = true
    return this.#receiver.head(status, rawHeaders, resume)
  }
  onData(chunk: Buffer): boolean {
    return this.#over || this.#receiver.data(chunk)
  }
  onComplete(): void {
    this.#finish()
    if (this.#over) return
    this.#over = true
    this.#receiver.end()
  }
  onError(thrown: Error): void {
    this.#finish()
    if (!this.#over)
      this.#fail(toUpstreamError(thrown, { sent: this.#sent, answered: this.#answered }))
  }

  #error(code: 'TIMEOUT' | 'ABORTED', message: string): UpstreamError {
    return new UpstreamError(code, message, { sent: this.#sent, answered: this.#answered })
  }
  #fail(error: UpstreamError): void {
    this.#over = true
    this.#deadlines.delete(this)
    this.#receiver.error(error)
  }
  #finish(): void {
    if (this.#done) return
    this.#done = true
    this.#deadlines.delete(this)
    this.#onDone()
  }
}
