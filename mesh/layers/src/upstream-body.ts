/** Where the body of a request goes. */
export interface BodySink {
  /** Sends a part. False: write no more until `resume` of the source is called. The bytes must not change afterwards. */
  write(chunk: Uint8Array): boolean
  /** `trailers`: name, value, name, value …; sent only where the body has no declared length. */
  end(trailers?: readonly string[]): void
  /** The body breaks off. The request ends with an `ABORTED` whose `cause` is the error. */
  fail(error: Error): void
}

/**
 * A body that comes in parts, at the pace of the connection. Where the request has a header `content-length` the parts
 * must add up to it; otherwise the body is sent chunked.
 */
export interface BodySource {
  /**
   * Called at most once, as soon as the head of the request is written. What is written to the sink within this call
   * leaves together with the head.
   */
  start(sink: BodySink): void
  /** After a `write` that was false: more may be written. */
  resume(): void
  /**
   * No more is wanted, since the request is over. Called at most once, not after `end` or `fail`; perhaps before `start`,
   * which is then never called. What is written afterwards is ignored.
   */
  cancel(): void
}

/** Makes a source of a stream or a generator. Its `return` is called when no more is wanted. */
export function sourceOf(chunks: AsyncIterable<Uint8Array>): BodySource {
  return new IterableSource(chunks)
}

class IterableSource implements BodySource {
  readonly #chunks: AsyncIterator<Uint8Array>
  #go: (() => void) | undefined
  #cancelled = false

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }
  start(sink: BodySink): void {
    this.#pump(sink).catch((error: unknown) => {
      if (!this.#cancelled) sink.fail(error instanceof Error ? error : new Error(String(error)))
    })
  }
  resume(): void {
    this.#go?.()
  }
  cancel(): void {
    this.#cancelled = true
    this.#go?.()
    // what goes wrong on the way out is of no interest any more
    this.#chunks.return?.().catch(() => undefined)
  }

  async #pump(sink: BodySink): Promise<void> {
    for (;;) {
      const next = await this.#chunks.next()
      if (this.#cancelled) return
      if (next.done === true) return sink.end()
      if (sink.write(next.value)) continue
      await new Promise<void>((resolve) => {
        this.#go = resolve
      })
    }
  }
}
