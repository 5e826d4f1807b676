import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { nodeHttp } from '@countersign/ground/http1'
import { BROKEN_LINGER_MS_MAX, BROKEN_PIECES_MAX } from './limits.ts'
import { Refusal, type RefusalCode, renderProblem } from './refusal.ts'

/*
 * Bytes that Node's parser refused are answered on the socket itself, which then ends: after broken framing nobody can
 * know where a next request begins. What was sent is in neither answer nor log; the parser's own code is in the log.
 */
const CODES: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BODY_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
}

/** Connections that have their answer already, with the pieces that may still come before they are cut. */
const answered = new WeakMap<Duplex, { left: number }>()

/**
 * For the `clientError` of a server. `refused` gets the refusal, once a connection.
 * `mayAnswer`: no answer to an earlier request is owed on the connection, for which this one would be taken.
 */
export function refuseBytes(
  socket: Duplex,
  facts: { readonly code: string | undefined; readonly mayAnswer: boolean },
  refused: (refusal: Refusal, requestId: string) => void,
): void {
  const known = answered.get(socket)
  if (known !== undefined) {
    // The parser complains of each further piece. An end at once would take the answer from who still sends.
    known.left--
    if (known.left <= 0) socket.destroy()
    return
  }
  if (!socket.writable || facts.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const code = CODES[facts.code ?? ''] ?? 'REQUEST_INVALID'
  const rule = `parser: ${facts.code ?? 'unknown'}`
  const refusal = new Refusal(code, { detail: 'The request is not well-formed HTTP/1.1.', rule })
  const requestId = randomUUID()
  refused(refusal, requestId)
  if (!facts.mayAnswer) {
    socket.destroy()
    return
  }
  answered.set(socket, { left: BROKEN_PIECES_MAX })
  answerRaw(socket, refusal, requestId)
  const timer = setTimeout(() => socket.destroy(), BROKEN_LINGER_MS_MAX)
  socket.once('close', () => clearTimeout(timer))
}

/** Writes a whole answer to a socket that has no request on it, and ends it. */
function answerRaw(socket: Duplex, refusal: Refusal, requestId: string): void {
  const { status, headers, body } = renderProblem(refusal, requestId)
  const lines = [
    `HTTP/1.1 ${status} ${nodeHttp.STATUS_CODES[status] ?? ''}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `x-request-id: ${requestId}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`)
}
