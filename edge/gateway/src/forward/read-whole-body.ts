import type { BodyReader, Incoming } from '../door/asked.ts'
import { routeOf } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'
import { BODY_PIECES_MAX } from '../limits.ts'
import { ClientGone, tooLarge, tooSlow } from './body-refusals.ts'

/**
 * Reads the body of a request whole, for plugins that look into it; it is kept, so that it can still be sent on. At most
 * `bytesMax` and what the route allows. Rejects with `Refusal` BODY_TOO_LARGE or REQUEST_TIMEOUT, or with `ClientGone`.
 */
export async function readWholeBody(exchange: Exchange, bytesMax: number): Promise<Buffer> {
  const most = Math.min(bytesMax, routeOf(exchange).endpoint.bodyBytesMax)
  const { request, body } = exchange
  if (body?.kind === 'whole') {
    if (body.bytes.length > most) throw tooLarge(most)
    return body.bytes
  }
  if (request.length === 0 || body?.kind === 'none') return NOTHING
  if (request.length !== undefined && request.length > most) throw tooLarge(most)
  if (request.expectsContinue) exchange.response.continue()
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    request.read(new Whole(request, most, { resolve, reject }))
  })
  exchange.body = { kind: 'whole', bytes }
  return bytes
}
const NOTHING = Buffer.alloc(0)

class Whole implements BodyReader {
  readonly #request: Incoming
  readonly #bytesMax: number
  readonly #settle: { resolve(bytes: Buffer): void; reject(error: Error): void }
  readonly #chunks: Buffer[] = []
  #size = 0

  constructor(
    request: Incoming,
    bytesMax: number,
    settle: { resolve(bytes: Buffer): void; reject(error: Error): void },
  ) {
    this.#request = request
    this.#bytesMax = bytesMax
    this.#settle = settle
  }
  data(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#chunks.length >= BODY_PIECES_MAX)
      this.#chunks.splice(0, this.#chunks.length, Buffer.concat(this.#chunks))
    if (this.#size <= this.#bytesMax) return
    this.#request.pause()
    this.#settle.reject(tooLarge(this.#bytesMax))
  }
  end(): void {
    this.#settle.resolve(Buffer.concat(this.#chunks, this.#size))
  }
  gone(why: 'closed' | 'broken' | 'slow'): void {
    this.#settle.reject(why === 'slow' ? tooSlow() : new ClientGone())
  }
}
