import { Readable } from 'node:stream'
import type { UpstreamRequest } from '@countersign/layers'
import { filterRequestHeaders } from '../domain/filter-headers.ts'
import { routeOf, upstreamPath } from '../domain/route.ts'
import type { Exchange } from '../exchange.ts'
import type { Body } from './read-body.ts'

/**
 * The request as a service gets it: what the client sent, less what only this door may say, and then what it says. There is
 * no header about who asks: the service checks the token itself.
 */
export function upstreamRequest(
  exchange: Exchange,
  body: Body,
): Omit<UpstreamRequest, 'timeoutMs'> {
  const route = routeOf(exchange)
  const { request, connection, query, path = '/' } = exchange
  const headers = filterRequestHeaders(request.rawHeaders)
  const authority = request.headers.host ?? exchange.host
  headers.push(
    'x-request-id',
    exchange.requestId,
    'traceparent',
    exchange.traceparent,
    'x-forwarded-for',
    connection.address,
    'x-forwarded-proto',
    'https',
    'x-forwarded-host',
    authority,
    'x-forwarded-port',
    String(connection.doorPort),
  )
  if (body.kind === 'stream' && body.length !== undefined)
    headers.push('content-length', String(body.length))
  const target = upstreamPath(route, path)
  return {
    method: exchange.method,
    path: query === '' ? target : `${target}?${query}`,
    headers,
    body: bodyOf(body),
  }
}

function bodyOf(body: Body): Buffer | Readable | null {
  if (body.kind === 'none') return null
  return body.kind === 'whole' ? body.bytes : Readable.from(body.chunks, { objectMode: false })
}
