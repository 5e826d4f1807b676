import type { IncomingMessage } from 'node:http'
import { Refusal } from '@countersign/layers'
import type { Exchange } from '../exchange.ts'
import {
  BODY_BUFFER_BYTES_MAX,
  BODY_BYTES_PER_SECOND_MIN,
  BODY_GRACE_MS,
  BODY_PIECES_MAX,
} from '../limits.ts'

/*
 * 1. a declared length is checked before a byte is read
 * 2. a small body is read whole: it can be sent again, and leaves in one write with its head
 * 3. a larger one streams, counted; what is over the bound ends the request on both sides
 * A client that is slower than the rate floor is cut off, so that slow bodies cannot occupy the door.
 */

/** The client went away: nobody is left to answer. */
export class ClientGone extends Error {
  constructor() {
    super('the client is gone')
    this.name = 'ClientGone'
  }
}

export type Body =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | {
      readonly kind: 'stream'
      readonly chunks: AsyncIterable<Buffer>
      readonly length: number | undefined
    }

/** Throws `Refusal` BODY_TOO_LARGE for a body whose declared length is over the bound. */
export function checkDeclaredLength(request: IncomingMessage, bytesMax: number): void {
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge(bytesMax)
}

/** Reads the body of a request, at most `bytesMax` of it. Throws `Refusal` BODY_TOO_LARGE or REQUEST_TIMEOUT, or `ClientGone`. */
export function readBody(exchange: Exchange, bytesMax: number): Body | Promise<Body> {
  const { request } = exchange
  const declared = request.headers['content-length']
  const length = declared === undefined ? undefined : Number(declared)
  const chunked = request.headers['transfer-encoding'] !== undefined
  if (!chunked && (length === undefined || length === 0)) return { kind: 'none' }
  if (exchange.expectsContinue) exchange.response.writeContinue()
  if (length !== undefined && length > BODY_BUFFER_BYTES_MAX)
    return { kind: 'stream', length, chunks: stream(request, [], bytesMax) }
  return collect(request, length, bytesMax)
}

function collect(
  request: IncomingMessage,
  length: number | undefined,
  bytesMax: number,
): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const pace = watchPace(
      () => size,
      () => settle(() => reject(tooSlow())),
    )
    const settle = (how: () => void): void => {
      clearInterval(pace)
      request.off('data', onData).off('end', onEnd).off('close', onClose)
      request.pause()
      how()
    }
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk)
      size += chunk.length
      // Each piece is an object that holds what it was read with: a body in pieces of one byte would be large.
      if (chunks.length >= BODY_PIECES_MAX) chunks.splice(0, chunks.length, Buffer.concat(chunks))
      if (size > bytesMax) settle(() => reject(tooLarge(bytesMax)))
      else if (size > BODY_BUFFER_BYTES_MAX)
        settle(() => resolve({ kind: 'stream', length, chunks: stream(request, chunks, bytesMax) }))
    }
    const onEnd = (): void => {
      const [only] = chunks
      const bytes = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size)
      settle(() => resolve({ kind: 'whole', bytes }))
    }
    const onClose = (): void => settle(() => reject(new ClientGone()))
    request.on('data', onData).on('end', onEnd).on('close', onClose)
  })
}

async function* stream(
  request: IncomingMessage,
  head: readonly Buffer[],
  bytesMax: number,
): AsyncGenerator<Buffer> {
  let size = 0
  const counted = (chunk: Buffer): Buffer => {
    size += chunk.length
    if (size > bytesMax) throw tooLarge(bytesMax)
    return chunk
  }
  const rest = request.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  try {
    for (const chunk of head) yield counted(chunk)
    for (;;) {
      // Only the time that the client takes counts: while the service holds us back, nobody asks here.
      const timer = setTimeout(() => request.destroy(tooSlow()), BODY_GRACE_MS)
      const next = await rest.next().finally(() => clearTimeout(timer))
      if (next.done === true) return
      yield counted(next.value)
    }
  } finally {
    // The service wants no more of it. What is left flows away, or what the client asks next would wait behind it.
    await rest.return?.()
    request.resume()
  }
}

/** Calls `tooSlow` when the bytes do not keep up with the rate floor. */
function watchPace(size: () => number, tooSlow: () => void): NodeJS.Timeout {
  const started = performance.now()
  return setInterval(() => {
    const seconds = (performance.now() - started - BODY_GRACE_MS) / 1000
    if (seconds > 0 && size() < seconds * BODY_BYTES_PER_SECOND_MIN) tooSlow()
    else if (seconds > 0 && size() === 0) tooSlow()
  }, BODY_GRACE_MS / 4)
}

const tooLarge = (bytesMax: number): Refusal =>
  new Refusal('BODY_TOO_LARGE', {
    detail: `The body may have at most ${bytesMax} bytes.`,
    rule: `contract: a body of at most ${bytesMax} bytes`,
    remedy: 'send less, or raise bodyBytesMax of the endpoint',
  })
const tooSlow = (): Refusal =>
  new Refusal('REQUEST_TIMEOUT', {
    detail: 'The body came too slowly.',
    rule: `gateway: at least ${BODY_BYTES_PER_SECOND_MIN} bytes per second of a body`,
    remedy: 'send the body without pauses',
  })
