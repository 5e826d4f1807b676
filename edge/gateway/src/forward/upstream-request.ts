import { canonicalPath } from '@countersign/ground/http1'
import {
  type BodySource,
  joinLines,
  Refusal,
  type RequestLines,
  requestLines,
  toldLines,
  type UpstreamRequest,
} from '@countersign/layers'
import { isGrpcCall } from '../domain/grpc.ts'
import { filterRequestHeaders } from '../domain/filter-headers.ts'
import { type OperatorRoute, type Route, routeOf, upstreamPath } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'
import { addIdentityHeaders } from '../plugins/identity-headers.ts'
import type { PluginExchange } from '../plugins/plugin-exchange.ts'
import { requestLinesOf } from './pass-lines.ts'
import type { Body } from './read-body.ts'

/**
 * The request as a service gets it: what the client sent, less what only this door may say, changed as plugins have it, and
 * then what this door says. Of who asks only what a plugin has proven: a token the service checks itself.
 */
export function upstreamRequest(
  exchange: Exchange,
  body: Body,
  timeoutMs: number,
): UpstreamRequest {
  const { request, plugins, query, path = '/' } = exchange
  const route = routeOf(exchange)
  const draft = plugins?.draft
  // HTTP/2 knows fields one by one only.
  const overH2 = route.operator?.overH2 === true
  const kept =
    draft === undefined && request.lines !== undefined && !overH2
      ? requestLinesOf(request.headers, request.lines)
      : undefined
  const headers: string[] =
    kept === undefined ? [...(draft?.headers.flat ?? filterRequestHeaders(request.headers))] : []
  const { authority } = exchange
  if (overH2) addOurHeaders(exchange, headers)
  if (route.operator !== undefined) addOperatorsHeaders(exchange, headers)
  if (plugins !== undefined) addIdentityHeaders(headers, plugins)
  // The client has said so, too, but that was between it and us.
  if (isGrpcCall(request) && overH2) headers.push('te', 'trailers')
  if (body.kind === 'stream' && body.length !== undefined)
    headers.push('content-length', String(body.length))
  const target = draft?.newPath ?? upstreamPath(route, path, exchange.cut)
  if (target === undefined) throw notCanonical(route)
  const operator = route.operator
  const search = draft?.query ?? query
  return {
    method: draft?.method ?? exchange.method,
    path:
      search === '' ? checked(target, route, draft) : `${checked(target, route, draft)}?${search}`,
    headers,
    ...(overH2 ? {} : { lines: linesOf(exchange, kept) }),
    body: bodyOf(body),
    timeoutMs,
    // As Kong's read_timeout: an answer that comes piece by piece is not cut while it comes.
    stallMs: timeoutMs,
    // Also Kong's: between two writes. What is bounded is how long the service takes nothing.
    writeMs: route.operator?.kongService?.write_timeout,
    ...(request.upgrade === undefined ? {} : { upgrade: request.upgrade }),
    ...(operator === undefined ? {} : { host: hostOf(operator, authority) }),
  }
}

/** What only this door may say on the routes of operators. */
function addOperatorsHeaders(exchange: Exchange, headers: string[]): void {
  const { path = '/', cut } = exchange
  headers.push('x-forwarded-path', path, 'x-kong-request-id', exchange.requestId)
  if (routeOf(exchange).operator?.rewrite.strip === true && cut > 0)
    headers.push('x-forwarded-prefix', path.slice(0, cut))
}

/** What goes on as it came, and what only this door may say. */
function linesOf(exchange: Exchange, kept: RequestLines | undefined): RequestLines {
  const ours = joinLines(forwardedLines(exchange), toldLines(exchange.idLines))
  return kept === undefined ? ours : joinLines(kept, ours)
}
function addOurHeaders(exchange: Exchange, headers: string[]): void {
  headers.push(...forwardedHeaders(exchange))
  headers.push('x-request-id', exchange.requestId, 'traceparent', exchange.traceparent)
}

/** What this door says of the client's connection: the same for all its requests to one authority. */
function forwardedLines({ connection, authority }: Exchange): RequestLines {
  const { forwarded } = connection
  if (forwarded?.authority === authority) return forwarded.lines
  const lines = requestLines(forwardedHeaders({ connection, authority }))
  connection.forwarded = { authority, lines }
  return lines
}

const forwardedHeaders = ({
  connection,
  authority,
}: Pick<Exchange, 'connection' | 'authority'>): readonly string[] => [
  ...['x-forwarded-for', connection.address, 'x-forwarded-proto', 'https'],
  ...['x-forwarded-host', authority, 'x-forwarded-port', String(connection.doorPort)],
]

/** As Kong: the client's where the route keeps it, otherwise that of the service. */
function hostOf({ preserveHost, kongService }: OperatorRoute, authority: string): string {
  if (preserveHost || kongService === undefined) return authority
  const { host, port, protocol } = kongService
  return port === (protocol === 'http' ? 80 : 443) ? host : `${host}:${port}`
}

/** A path that a plugin has set has to be canonical like any other. */
function checked(target: string, route: Route, draft: PluginExchange['draft']): string {
  if (draft?.newPath === undefined) return target
  const canonical = canonicalPath(target)
  if (canonical.ok && canonical.query === '' && !target.includes('?')) return canonical.path
  throw notCanonical(route)
}

function bodyOf(body: Body): Buffer | BodySource | null {
  if (body.kind === 'none') return null
  return body.kind === 'whole' ? body.bytes : body.source
}

/** What is left of the path after the route's own part, joined with the service's, could be read in two ways. */
const notCanonical = (route: Route): Refusal =>
  new Refusal('REQUEST_INVALID', {
    detail: 'What is left of the path is ambiguous.',
    rule: `${route.origin}: the path towards the service would not be canonical`,
    remedy: 'correct the path of the request, or the paths of route and service',
  })
