import { UpstreamError } from './upstream-error.ts'
import type { Receiver } from './upstream-exchange.ts'

/** A whole answer. */
export class UpstreamReply {
  readonly status: number
  /** Name, value, name, value …, as they came. */
  readonly rawHeaders: readonly Buffer[]
  readonly body: Buffer
  constructor(status: number, rawHeaders: readonly Buffer[], body: Buffer) {
    this.status = status
    this.rawHeaders = rawHeaders
    this.body = body
  }
  /** The first value of a header. `name` in lower case. */
  header(name: string): string | undefined {
    for (let i = 0; i + 1 < this.rawHeaders.length; i += 2) {
      const key = this.rawHeaders[i]
      if (key?.length === name.length && key.toString('latin1').toLowerCase() === name)
        return this.rawHeaders[i + 1]?.toString('latin1')
    }
    return undefined
  }
}

const NO_BYTES = Buffer.alloc(0)

/** Collects an answer up to a number of bytes, and gives it as a whole. */
export class Collector implements Receiver {
  readonly promise: Promise<UpstreamReply>
  /** Ends the exchange; set by who starts it. */
  cancel: (error: UpstreamError) => void = () => undefined
  readonly #bytesMax: number
  #resolve: (reply: UpstreamReply) => void = () => undefined
  #reject: (error: UpstreamError) => void = () => undefined
  #status = 0
  #rawHeaders: readonly Buffer[] = []
  #chunk: Buffer | undefined
  #chunks: Buffer[] | undefined
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }
  head(status: number, rawHeaders: readonly Buffer[]): boolean {
    this.#status = status
    this.#rawHeaders = rawHeaders
    return true
  }
  data(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) {
      const seen = { sent: true, answered: true }
      this.cancel(new UpstreamError('ANSWER_TOO_LARGE', `over ${this.#bytesMax} bytes`, seen))
    } else if (this.#chunk === undefined) this.#chunk = chunk
    else {
      this.#chunks ??= [this.#chunk]
      this.#chunks.push(chunk)
    }
    return true
  }
  end(): void {
    const body = this.#chunks === undefined ? this.#chunk : Buffer.concat(this.#chunks)
    this.#resolve(new UpstreamReply(this.#status, this.#rawHeaders, body ?? NO_BYTES))
  }
  error(error: UpstreamError): void {
    this.#reject(error)
  }
}
