import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Endpoint } from '@countersign/contract'
import type { TimingSeries } from '@countersign/ground/telemetry'
import { Refusal, refuseBytes } from '@countersign/layers'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { climb, type Door, openExchange, refuse } from './answer.ts'
import type { Route, Step } from './exchange.ts'
import { peerOf } from './peer.ts'

const UNDECLARED: Endpoint = {
  at: 'GET /*',
  callers: ['none'],
  roles: 'stranger',
  limit: '1/second per caller',
}
const NO_LIMIT = { scope: 'caller', windows: [] } as const

/** What no endpoint answers is refused like everything else: with a problem, an event and a metric. */
export interface Unknown {
  /** A path or a method that no endpoint has. */
  notFound(request: FastifyRequest, reply: FastifyReply): Promise<void>
  /** A path that the router cannot read. */
  unreadable(error: { readonly code?: string }, request: FastifyRequest, reply: FastifyReply): void
  /** Bytes that are no request. */
  noRequest(error: { readonly code?: string }, socket: Duplex): void
}

/** `steps`: those that do not depend on an endpoint. */
export function createUnknown(
  door: Door,
  steps: readonly Step[],
  timing: (status: number) => TimingSeries,
): Unknown {
  const { workload } = door
  const route = unknownRoute(workload.name, timing)
  const refuseWith = async (
    request: FastifyRequest,
    reply: FastifyReply,
    last: Refusal,
  ): Promise<void> => {
    const exchange = openExchange(route, request.raw, reply.raw)
    const refusal = await climb(exchange, steps).then(
      () => last,
      (error: unknown) => error,
    )
    await refuse(exchange, refusal, { ...door, request, reply })
  }
  return {
    notFound: (request, reply) =>
      refuseWith(
        request,
        reply,
        new Refusal('ROUTE_UNKNOWN', {
          rule: `${workload.name} has no endpoint at ${request.method} ${request.url.split('?', 1)[0]?.slice(0, 256)}`,
          remedy: 'see the contract for what is answered',
        }),
      ),
    unreadable: ({ code }, request, reply) => {
      const tooLong = code === 'FST_ERR_MAX_PARAM_LENGTH'
      const refusal = new Refusal(tooLong ? 'URI_TOO_LONG' : 'REQUEST_INVALID', {
        rule: `path: ${tooLong ? 'a parameter is too long' : 'it cannot be decoded'}`,
        remedy: 'correct the path',
      })
      void refuseWith(request, reply, refusal)
    },
    noRequest: ({ code }, socket) =>
      refuseBytes(socket, { code, mayAnswer: true }, (refusal, requestId) => {
        door.refused(refusal.code)
        recordBytes(door, { socket, refusal, requestId })
      }),
  }
}

function recordBytes(
  { workload }: Door,
  facts: { readonly socket: Duplex; readonly refusal: Refusal; readonly requestId: string },
): void {
  const { refusal, requestId } = facts
  const peer = peerOf(facts.socket as TLSSocket)
  workload.audit.record({
    action: `${workload.name}.unknown`,
    userId: null,
    status: 'refused',
    event: { kind: 'event', category: ['api'], type: ['access', 'denied'], code: refusal.code },
    http: { request: { id: requestId }, response: { status_code: refusal.status } },
    ...(typeof peer === 'string' ? {} : { client: { workload: peer.id } }),
    countersign: {
      door: workload.name,
      hinge: refusal.hinge,
      rule: refusal.facts.rule ?? refusal.code,
    },
  })
}

function unknownRoute(name: string, timing: Route['timing']): Route {
  return {
    service: name,
    endpoint: {
      name: 'unknown',
      method: 'ANY',
      path: '/*',
      kind: 'json',
      callers: [],
      roles: 'stranger',
      limit: NO_LIMIT,
      status: 404,
      audited: false,
      idempotent: false,
      timeoutMs: 0,
      bodyBytesMax: 0,
    },
    declared: UNDECLARED,
    handler: () => undefined,
    mounted: false,
    limit: NO_LIMIT,
    action: `${name}.unknown`,
    timing,
  }
}
