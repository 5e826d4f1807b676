import type { BodySink, BodySource } from '@countersign/layers'
import type { BodyReader, Incoming } from '../door/asked.ts'
import { ClientGone, tooLarge, tooSlow } from './body-refusals.ts'

/**
 * Takes the body of a request from the client to a service, piece by piece, at the pace of the slower of the two. It breaks
 * off with `Refusal` where it is over its bound or too slow, with `ClientGone` where there will be no more.
 */
export class BodyRelay implements BodyReader, BodySource {
  readonly #request: Incoming
  readonly #bytesMax: number
  #begun: readonly Buffer[]
  #size = 0
  #sink: BodySink | undefined
  #reading = false
  /** The service has enough for now. */
  #held = false

  /** `begun`: what was read before. */
  constructor(request: Incoming, begun: readonly Buffer[], bytesMax: number) {
    this.#request = request
    this.#bytesMax = bytesMax
    this.#begun = begun
    request.pause()
  }

  /** Bytes that have come so far. */
  get size(): number {
    return this.#size
  }

  /** The service would take more: the client is what is waited for. */
  get awaitsClient(): boolean {
    return this.#sink !== undefined && !this.#held
  }

  /* From the service. */

  start(sink: BodySink): void {
    this.#sink = sink
    const begun = this.#begun
    this.#begun = []
    let more = true
    for (const chunk of begun) more = this.#write(chunk)
    if (more) this.resume()
  }
  resume(): void {
    if (this.#sink === undefined) return
    this.#held = false
    if (this.#reading) this.#request.resume()
    else {
      this.#reading = true
      this.#request.read(this)
    }
  }
  cancel(): void {
    this.#sink = undefined
    // What is left flows away, or what the client asks next would wait behind it.
    this.#request.discard()
  }

  /* From the client. */

  data(chunk: Buffer): void {
    if (!this.#write(chunk)) this.#request.pause()
  }
  end(): void {
    this.#sink?.end()
    this.#sink = undefined
  }
  gone(why: 'closed' | 'broken' | 'slow'): void {
    this.#fail(why === 'slow' ? tooSlow() : new ClientGone())
  }

  #write(chunk: Buffer): boolean {
    this.#size += chunk.length
    if (this.#size <= this.#bytesMax) {
      const more = this.#sink?.write(chunk) ?? true
      this.#held = !more
      return more
    }
    this.#fail(tooLarge(this.#bytesMax))
    this.#request.discard()
    return true
  }
  #fail(error: Error): void {
    const sink = this.#sink
    this.#sink = undefined
    sink?.fail(error)
  }
}
