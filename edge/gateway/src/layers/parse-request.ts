import { canonicalPath } from '@countersign/ground/http1'
import { Refusal, type RefusalCode } from '@countersign/layers'
import type { Layer } from '../compose.ts'
import { checkHost } from '../domain/check-host.ts'
import type { Exchange } from '../exchange.ts'
import { HEADERS_MAX, URI_BYTES_MAX } from '../limits.ts'

/*
 * Bytes become a typed request, or nothing. Node's parser, in its strict mode, has refused broken framing before
 * (both or doubled Content-Length and Transfer-Encoding, obsolete folding, bare line feeds); here:
 *
 * - one request line form, one Host that this door serves, one canonical path
 * - no method that opens a tunnel or echoes credentials, no change of protocol
 * - Transfer-Encoding is `chunked` and nothing else, and only in HTTP/1.1
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
  (hosts: ReadonlySet<string>): Layer =>
  (exchange, next) => {
    const { request } = exchange
    const target = request.url ?? ''
    if (target.length > URI_BYTES_MAX)
      throw refuse('URI_TOO_LONG', `the address is longer than ${URI_BYTES_MAX} bytes`)
    if (request.rawHeaders.length > 2 * HEADERS_MAX)
      throw refuse('HEADERS_TOO_LARGE', `there are more than ${HEADERS_MAX} headers`)
    const found = canonicalPath(target)
    if (!found.ok) throw refuse('REQUEST_INVALID', found.rule)
    exchange.path = found.path
    exchange.query = found.query
    checkMethod(exchange)
    checkFraming(exchange)
    const host = checkHost(request.rawHeaders)
    if (host === undefined)
      throw refuse('REQUEST_INVALID', 'there is not exactly one well-formed Host')
    if (!hosts.has(host)) throw refuse('HOST_UNKNOWN', 'the Host is not among GATEWAY_HOSTS')
    exchange.host = host
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

function checkFraming({ request, method, expectsContinue }: Exchange): void {
  const { headers } = request
  if (headers.expect !== undefined && !expectsContinue && request.httpVersion === '1.1')
    throw refuse('REQUEST_INVALID', 'the expectation is not "100-continue"')
  const coding = headers['transfer-encoding']
  if (headers.upgrade !== undefined || headers['http2-settings'] !== undefined)
    throw refuse('REQUEST_INVALID', 'a change of protocol is asked for')
  if (coding !== undefined && (coding !== 'chunked' || request.httpVersion !== '1.1'))
    throw refuse('REQUEST_INVALID', 'the Transfer-Encoding is not "chunked" in HTTP/1.1')
  const hasBody = coding !== undefined || Number(headers['content-length'] ?? 0) > 0
  if (hasBody && BODILESS.has(method)) throw refuse('REQUEST_INVALID', `${method} with a body`)
}

const refuse = (code: RefusalCode, rule: string): Refusal =>
  new Refusal(code, { detail: `${rule}.`, rule: `request: ${rule}`, remedy: 'correct the request' })
