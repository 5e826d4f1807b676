import { isGrpcCall } from '../domain/grpc.ts'
import { routeOf } from '../domain/route.ts'
import type { BodyReader, Incoming } from '../door/asked.ts'
import type { Exchange } from '../exchange.ts'
import { BODY_BUFFER_BYTES_MAX, BODY_PIECES_MAX } from '../limits.ts'
import { ClientGone, tooLarge, tooSlow } from './body-refusals.ts'
import { BodyRelay } from './body-relay.ts'

/*
 * 1. a declared length is checked before a byte is read
 * 2. a small body is read whole: it can be sent again, and leaves in one write with its head
 * 3. a call of gRPC streams from its beginning
 * 4. a larger one streams, counted; what is over the bound ends the request on both sides
 * A client that is slower than the rate floor is cut off by the door, so that slow bodies cannot occupy it.
 */

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | { readonly kind: 'stream'; readonly source: BodyRelay; readonly length: number | undefined }

/** How much of it there is, or has come by now. */
export function bytesOf(body: Body): number {
  if (body.kind === 'none') return 0
  return body.kind === 'whole' ? body.bytes.length : body.source.size
}

/** Throws `Refusal` BODY_TOO_LARGE for a body whose declared length is over the bound. */
export function checkDeclaredLength({ length = 0 }: Incoming, bytesMax: number): void {
  if (length > bytesMax) throw tooLarge(bytesMax)
}

/** Reads the body of a request, at most `bytesMax` of it. Throws `Refusal` BODY_TOO_LARGE or REQUEST_TIMEOUT, or `ClientGone`. */
export function readBody(exchange: Exchange, bytesMax: number): Body | Promise<Body> {
  const { request } = exchange
  const { length } = request
  if (length === 0) return { kind: 'none' }
  if (request.expectsContinue) exchange.response.continue()
  const { operator, endpoint } = routeOf(exchange)
  if (operator?.overH2 === true && isGrpcCall(request)) {
    // What comes next may be said in reply to an answer: nothing of it is waited for.
    request.allowPauses?.(endpoint.timeoutMs)
    return { kind: 'stream', length, source: new BodyRelay(request, [], bytesMax) }
  }
  if (length !== undefined && length > BODY_BUFFER_BYTES_MAX)
    return { kind: 'stream', length, source: new BodyRelay(request, [], bytesMax) }
  return new Promise((resolve, reject) => {
    request.read(new Collector(request, bytesMax, { resolve, reject }))
  })
}

interface Settle {
  readonly resolve: (body: Body) => void
  readonly reject: (error: Error) => void
}

/** Collects a body, and gives it on as a stream where it is not small. */
class Collector implements BodyReader {
  readonly #request: Incoming
  readonly #bytesMax: number
  readonly #settle: Settle
  readonly #chunks: Buffer[] = []
  #size = 0
  #over = false

  constructor(request: Incoming, bytesMax: number, settle: Settle) {
    this.#request = request
    this.#bytesMax = bytesMax
    this.#settle = settle
  }
  data(chunk: Buffer): void {
    const chunks = this.#chunks
    chunks.push(chunk)
    this.#size += chunk.length
    if (this.#over) return
    // Each piece is an object that holds what it was read with: a body in pieces of one byte would be large.
    if (chunks.length >= BODY_PIECES_MAX) chunks.splice(0, chunks.length, Buffer.concat(chunks))
    if (this.#size > this.#bytesMax) {
      this.#over = true
      this.#request.pause()
      this.#settle.reject(tooLarge(this.#bytesMax))
    } else if (this.#size > BODY_BUFFER_BYTES_MAX) {
      this.#over = true
      const source = new BodyRelay(this.#request, chunks, this.#bytesMax)
      this.#settle.resolve({ kind: 'stream', length: this.#request.length, source })
    }
  }
  end(): void {
    if (this.#over) return
    const [only] = this.#chunks
    const whole = this.#chunks.length === 1 && only !== undefined
    const bytes = whole ? only : Buffer.concat(this.#chunks, this.#size)
    this.#settle.resolve({ kind: 'whole', bytes })
  }
  gone(why: 'closed' | 'broken' | 'slow'): void {
    if (!this.#over) this.#settle.reject(why === 'slow' ? tooSlow() : new ClientGone())
  }
}
