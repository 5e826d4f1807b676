import { type Refusal, rateHeaders, renderProblem } from '@countersign/layers'
import type { Exchange } from './exchange.ts'
import { BODY_DISCARD_BYTES_MAX, LINGER_BYTES_MAX, LINGER_MS_MAX } from './limits.ts'

/** Headers that every answer of the door carries, flat. */
export function doorHeaders(exchange: Exchange): string[] {
  const headers = ['x-request-id', exchange.requestId]
  if (exchange.limit !== undefined)
    for (const [name, value] of Object.entries(rateHeaders(exchange.limit)))
      headers.push(name, value)
  if (exchange.closes) headers.push('connection', 'close')
  return headers
}

/** Answers a refused request with a problem, unless an answer has begun: then there is only the end of the connection. */
export function respondRefused(exchange: Exchange, refusal: Refusal): void {
  const { response } = exchange
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const { status, headers, body } = renderProblem(refusal, exchange.requestId)
  giveUpBody(exchange)
  const bytes = Buffer.from(body)
  const flat = ['content-length', String(bytes.length)]
  const set = new Set(['content-length'])
  for (const [name, value] of Object.entries(headers)) {
    flat.push(name, value)
    set.add(name)
  }
  const ours = doorHeaders(exchange)
  for (let i = 0; i < ours.length; i += 2) {
    const name = ours[i] ?? ''
    if (!set.has(name)) flat.push(name, ours[i + 1] ?? '')
  }
  exchange.status = status
  response.writeHead(status, flat)
  endAnswer(exchange, exchange.method === 'HEAD' ? undefined : bytes)
}

/** Comes before the head of an answer: a connection with a large rest of a body on it is not worth keeping. */
export function giveUpBody(exchange: Exchange): void {
  if (!exchange.request.complete && !isSmallRest(exchange)) exchange.closeAfter = true
}

/** Ends an answer with its last bytes. */
export function endAnswer(exchange: Exchange, bytes: Buffer | undefined): void {
  if (exchange.closeAfter && !exchange.request.complete) linger(exchange, bytes)
  else exchange.response.end(bytes)
}

/**
 * RFC 9112 section 9.6: a client that is still sending would lose the answer to a reset if we closed at once. The answer
 * is written whole; what still comes is read and thrown away for a bounded time and amount; then the connection ends.
 */
function linger({ request, response }: Exchange, bytes: Buffer | undefined): void {
  let left = LINGER_BYTES_MAX
  const end = (): void => {
    clearTimeout(timer)
    response.end()
  }
  const timer = setTimeout(end, LINGER_MS_MAX)
  if (bytes === undefined) response.flushHeaders()
  else response.write(bytes)
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) end()
  })
  request.once('end', end).once('close', end).resume()
}

/** Whether what is left of a body is worth reading to keep the connection. */
function isSmallRest({ request, expectsContinue }: Exchange): boolean {
  if (expectsContinue) return false
  if (request.headers['transfer-encoding'] !== undefined) return false
  return Number(request.headers['content-length'] ?? 0) <= BODY_DISCARD_BYTES_MAX
}
