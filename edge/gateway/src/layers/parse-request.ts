import { canonicalPath } from '@countersign/ground/http1'
import { Refusal, type RefusalCode } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { checkHost } from '../domain/check-host.ts'
import { checkWebSocket } from '../domain/check-web-socket.ts'
import type { Exchange } from '../exchange.ts'
import { HEADERS_MAX, URI_BYTES_MAX } from '../limits.ts'

/*
 * Bytes become a typed request, or nothing. The door's parser has refused broken framing before (both or doubled
 * Content-Length and Transfer-Encoding, other codings than `chunked`, obsolete folding, bare line feeds); here:
 *
 * - one request line form, one Host that this door serves and that TLS was asked for, one canonical path
 * - no method that opens a tunnel or echoes credentials, no change of protocol but a well-formed one to WebSocket
 * - GET, HEAD and OPTIONS have no body: two programs would disagree where it ends
 * - the only expectation that can be met is `100-continue` (RFC 9110 section 10.1.1)
 */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export const parseRequest =
  (serves: (host: string) => boolean): Layer =>
  (exchange, next) => {
    const { request } = exchange
    const { target } = request
    if (target.length > URI_BYTES_MAX)
      throw refuse('URI_TOO_LONG', `the address is longer than ${URI_BYTES_MAX} bytes`)
    if (request.headers.length > 2 * HEADERS_MAX)
      throw refuse('HEADERS_TOO_LARGE', `there are more than ${HEADERS_MAX} headers`)
    const found = canonicalPath(target)
    if (!found.ok) throw refuse('REQUEST_INVALID', found.rule)
    exchange.path = found.path
    exchange.query = found.query
    checkMethod(exchange)
    checkFraming(exchange)
    const host = checkHost(request.headers)
    if (host === undefined)
      throw refuse('REQUEST_INVALID', 'there is not exactly one well-formed Host')
    if (!serves(host.name))
      throw refuse('HOST_UNKNOWN', 'the Host is not among GATEWAY_HOSTS, and no route names it')
    const { sni } = exchange.connection
    if (sni !== undefined && sni !== host.name)
      throw refuse('HOST_UNKNOWN', 'the Host is not the name that TLS was asked for')
    exchange.authority = host.raw
    exchange.host = host.name
    exchange.port = host.port
    return next(exchange)
  }

function checkMethod({ method }: Exchange): void {
  if (METHODS.has(method)) return
  throw new Refusal('METHOD_NOT_ALLOWED', {
    rule: 'gateway: this method is answered nowhere',
    remedy: `use one of ${[...METHODS].join(', ')}`,
    headers: { allow: [...METHODS].join(', ') },
  })
}

function checkFraming({ request, method }: Exchange): void {
  const expects = request.header('expect') !== undefined
  if (expects && !request.expectsContinue && request.version !== '1.0')
    throw refuse('REQUEST_INVALID', 'the expectation is not "100-continue"')
  if (request.header('http2-settings') !== undefined)
    throw refuse('REQUEST_INVALID', 'a change of protocol is asked for')
  if (request.header('upgrade') !== undefined || request.upgrade !== undefined) {
    const fault = checkWebSocket(request)
    if (fault === 'version') throw otherVersion()
    if (fault !== undefined) throw refuse('REQUEST_INVALID', fault)
  }
  if (request.length !== 0 && BODILESS.has(method))
    throw refuse('REQUEST_INVALID', `${method} with a body`)
}

/** RFC 6455 section 4.4. */
const otherVersion = (): Refusal =>
  new Refusal('UPGRADE_REQUIRED', {
    ...{ message: 'Please use version 13 of WebSocket', rule: 'request: another version than 13' },
    remedy: 'use version 13 of WebSocket',
    headers: { upgrade: 'websocket', 'sec-websocket-version': '13' },
  })

const refuse = (code: RefusalCode, rule: string): Refusal =>
  new Refusal(code, { detail: `${rule}.`, rule: `request: ${rule}`, remedy: 'correct the request' })
