import type { BodySource } from './upstream-body.ts'
import { UpstreamError } from './upstream-error.ts'
import type { RequestLines } from './upstream-lines.ts'

export interface UpstreamRequest {
  /** A token; CONNECT is refused. */
  readonly method: string
  /** Path and query. */
  readonly path: string
  /**
   * Name, value, name, value …, latin1. `host` is left out, see there; so are `connection` and `keep-alive`, since
   * connections are kept here. `transfer-encoding`, `upgrade` and `expect` are refused.
   */
  readonly headers: readonly string[]
  /** Fields that are written as they are, behind `headers`. */
  readonly lines?: RequestLines
  /** The value of `Host`; by default host and port of the address. */
  readonly host?: string
  readonly body?: string | Uint8Array | BodySource | null
  /** For the whole exchange, waiting for a connection included. */
  readonly timeoutMs: number
  /**
   * Once the head of the answer is there, so long may each part of its body take, in place of `timeoutMs`; all of it ends
   * after STREAM_MS_MAX. What a receiver holds back is not waited for.
   */
  readonly stallMs?: number
  /**
   * A body that comes in parts may wait so long for the service to take more of it; from its last part on the answer has
   * `timeoutMs`. Without it `timeoutMs` is for both.
   */
  readonly writeMs?: number | undefined
  /** The protocol to change to, such as `websocket`; the request then has no body. See `Receiver.upgraded`. */
  readonly upgrade?: string
}

/*
 * The head of a request as it is written: one latin1 text.
 *
 *  - method and names are tokens, the target has no white space, values have no control characters (RFC 9110 section 5.5,
 *    RFC 9112 section 3), and none has a character beyond latin1, of which only the last eight bits would be written
 *  - where the body ends is said here, and by nobody else: content-length of what there is, or chunked
 *  - headers that speak of the connection are ours
 */

/** Throws `UpstreamError` REQUEST_INVALID. `authority`: the value of `Host` where the request names none. */
export function requestHead(request: UpstreamRequest, authority: string): string {
  const { method, path, headers, lines = '', host = authority, body = null, upgrade } = request
  if (!isToken(method) || method === 'CONNECT') throw invalid('the method')
  if (!isTarget(path)) throw invalid('the path')
  if (!isFieldValue(host)) throw invalid('the host')
  let text = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`
  let declared = -1
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const kind = kindOf(name)
    if (kind === 'kept') {
      if (!isToken(name)) throw invalid('the name of a header')
      if (!isFieldValue(value)) throw invalid(`the value of ${name}`)
      text += `${name}: ${value}\r\n`
    } else if (kind === 'refused') throw invalid(`a header ${name}`)
    else if (kind === 'length') {
      const bytes = lengthOf(value)
      if (declared >= 0 && bytes !== declared) throw invalid('the length')
      declared = bytes
    }
  }
  text += lines
  if (upgrade !== undefined) {
    if (body !== null || !isFieldValue(upgrade)) throw invalid('the upgrade')
    text += `connection: Upgrade\r\nupgrade: ${upgrade}\r\n`
  }
  return text + framingOf(method, body, declared)
}

/** The length that a header declares; -1 where none does. The head has been written before. */
export function declaredLength({ headers }: UpstreamRequest): number {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (kindOf(headers[i] ?? '') === 'length') return lengthOf(headers[i + 1] ?? '')
  return -1
}

/** The trailer section of a chunked body. Throws `UpstreamError` REQUEST_INVALID. */
export function trailerSection(trailers: readonly string[]): string {
  let text = ''
  for (let i = 0; i + 1 < trailers.length; i += 2) {
    const name = trailers[i] ?? ''
    const value = trailers[i + 1] ?? ''
    if (kindOf(name) !== 'kept' || !isToken(name) || !isFieldValue(value))
      throw invalid('a trailer')
    text += `${name}: ${value}\r\n`
  }
  return text
}

function framingOf(
  method: string,
  body: NonNullable<UpstreamRequest['body']> | null,
  declared: number,
): string {
  if (body !== null && typeof body !== 'string' && !(body instanceof Uint8Array))
    return declared < 0
      ? 'transfer-encoding: chunked\r\n\r\n'
      : `content-length: ${declared}\r\n\r\n`
  const bytes = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
  if (declared >= 0 && declared !== bytes) throw invalid('the length')
  // a method that usually has a body says so where it has none (RFC 9110 section 8.6)
  const silent = bytes === 0 && method !== 'POST' && method !== 'PUT' && method !== 'PATCH'
  return silent ? '\r\n' : `content-length: ${bytes}\r\n\r\n`
}

function kindOf(name: string): 'kept' | 'left out' | 'length' | 'refused' {
  // by length first: most names are none of these, and then nothing is made in lower case
  switch (name.length) {
    case 4:
      return name.toLowerCase() === 'host' ? 'left out' : 'kept'
    case 6:
      return name.toLowerCase() === 'expect' ? 'refused' : 'kept'
    case 7:
      return name.toLowerCase() === 'upgrade' ? 'refused' : 'kept'
    case 10: {
      const lower = name.toLowerCase()
      return lower === 'connection' || lower === 'keep-alive' ? 'left out' : 'kept'
    }
    case 14:
      return name.toLowerCase() === 'content-length' ? 'length' : 'kept'
    case 17:
      return name.toLowerCase() === 'transfer-encoding' ? 'refused' : 'kept'
    default:
      return 'kept'
  }
}

function lengthOf(value: string): number {
  if (!/^[0-9]{1,15}$/.test(value)) throw invalid('the length')
  return Number(value)
}

/** RFC 9110 section 5.6.2: 1 for each character of a token. */
const TOKEN = new Uint8Array(256)
for (const each of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  TOKEN[each.charCodeAt(0)] = 1

function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (TOKEN[text.charCodeAt(i)] !== 1) return false
  return text.length > 0
}
function isTarget(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code === 0x7f || code > 0xff) return false
  }
  return text.length > 0
}
function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false
  }
  return true
}

const invalid = (what: string): UpstreamError =>
  new UpstreamError('REQUEST_INVALID', `${what} cannot be written`)
