import { UpstreamError } from './upstream-error.ts'
import type { Exchange } from './upstream-exchange.ts'
import type { Receiver } from './upstream-receiver.ts'

/** A whole answer. */
export class UpstreamReply {
  readonly status: number
  /** Name, value, name, value …, as they came. */
  readonly headers: readonly string[]
  readonly body: Buffer
  constructor(status: number, headers: readonly string[], body: Buffer) {
    this.status = status
    this.headers = headers
    this.body = body
  }
  /** The first value of a header. `name` in lower case. */
  header(name: string): string | undefined {
    for (let i = 0; i + 1 < this.headers.length; i += 2) {
      const key = this.headers[i]
      if (key?.length === name.length && key.toLowerCase() === name) return this.headers[i + 1]
    }
    return undefined
  }
}

const NO_BYTES = Buffer.alloc(0)

/** Collects an answer up to a number of bytes, and gives it as a whole. */
export class Collector implements Receiver {
  readonly promise: Promise<UpstreamReply>
  /** Set by who starts it. */
  exchange: Exchange | undefined
  readonly #bytesMax: number
  #resolve: (reply: UpstreamReply) => void = () => undefined
  #reject: (error: UpstreamError) => void = () => undefined
  #status = 0
  #headers: readonly string[] = []
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
  head(status: number, headers: readonly string[]): boolean {
    this.#status = status
    this.#headers = headers
    return true
  }
  data(chunk: Buffer): boolean {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) {
      const seen = { sent: true, answered: true }
      this.exchange?.cancel(
        new UpstreamError('ANSWER_TOO_LARGE', `over ${this.#bytesMax} bytes`, seen),
      )
    } else if (this.#chunk === undefined) this.#chunk = chunk
    else {
      this.#chunks ??= [this.#chunk]
      this.#chunks.push(chunk)
    }
    return true
  }
  end(): void {
    const body = this.#chunks === undefined ? this.#chunk : Buffer.concat(this.#chunks)
    this.#resolve(new UpstreamReply(this.#status, this.#headers, body ?? NO_BYTES))
  }
  error(error: UpstreamError): void {
    this.#reject(error)
  }
}
