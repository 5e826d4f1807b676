import type { NewAuditEvent } from '@countersign/contract/platform'
import { type Spans, Tally } from '@countersign/ground/telemetry'
import { type Refusal, type RefusalCode, turnedAwayEvent, TurnedAwaySum } from '@countersign/layers'
import type { Workload } from '@countersign/service'
import { auditEvent, isAudited, refusalFacts } from './audit-event.ts'
import type { Exchange } from './exchange.ts'
import { RouteFigures } from './route-figures.ts'

/** Load that was shed is counted, not stored: storing it would be the next overload. */
const SHED: ReadonlySet<RefusalCode> = new Set(['OVERLOADED', 'DRAINING', 'STARTING'])

type BeforeRequest = 'proxy_header' | 'handshake' | 'pipeline' | 'connections'

/** What the gateway tells: log, figures and audit record of an event leave together. */
export interface Events {
  began(): void
  /** An exchange is over, whatever way. */
  ended(exchange: Exchange): void
  /** What will be done, durably on disk when this resolves. Rejects with AUDIT_UNAVAILABLE. */
  intends(exchange: Exchange): Promise<void>
  /** Something of our own went wrong. */
  fault(exchange: Exchange, error: unknown): void
  /** A connection ended before there was a request. `address`: whose fault it was, where that is known. */
  refusedConnection(why: BeforeRequest, address?: string): void
  /** Bytes that were no request; the answer was `status`. */
  refusedBytes(facts: { requestId: string; address: string; refusal: Refusal }): void
  /** A token came; its verdict was in the cache or not. */
  tokenAsked(cached: boolean): void
  upstreamFailed(service: string, why: string): void
  breaker(service: string, instance: string, state: 'closed' | 'open' | 'half-open'): void
  /** A connection speaks WebSocket from now on. Call the result when it has ended, with the bytes that passed. */
  tunnelOpened(): (bytes: { readonly toService: number; readonly toClient: number }) => void
  instanceGone(service: string, instance: string): void
  routes(facts: { routes: number; disputed: readonly string[] }): void
  /** This version of the operators' configuration is served. */
  configured(version: number): void
  /** What of a configuration has no effect here. */
  configurationNotes(notes: readonly string[]): void
  /** Tells what was summed up until now. */
  flush(): void
  /** The public door shows a certificate that ends then, in milliseconds since 1970. */
  certified(notAfter: number): void
}

export function createEvents(
  workload: Pick<Workload, 'log' | 'metrics' | 'audit' | 'spans'>,
): Events {
  const { log, audit } = workload
  const figures = createFigures(workload.metrics)
  const hits = figures.tokens.series({ cache: 'hit' })
  const misses = figures.tokens.series({ cache: 'miss' })
  let inFlight = 0
  workload.metrics.gauge('countersign_requests_in_flight', 'Requests under way', [], function () {
    this.set(inFlight)
  })
  const record = (event: NewAuditEvent): void => audit.record(event)
  const turnedAway = new TurnedAwaySum((sum) =>
    record(
      turnedAwayEvent(sum, {
        ...{ door: 'gateway', code: 'REQUEST_INVALID' },
        rule: RULES[sum.why] ?? sum.why,
      }),
    ),
  )
  return {
    began: () => {
      inFlight++
    },
    ended: (exchange) => {
      inFlight--
      figures.routes.count(exchange)
      if (workload.spans !== undefined) endSpan(workload.spans, exchange)
      const { refusal } = exchange
      if (refusal !== undefined) figures.refusals.inc({ code: refusal.code })
      if (refusal === undefined ? isAudited(exchange) : !SHED.has(refusal.code))
        record(auditEvent(exchange, 'end'))
    },
    intends: (exchange) => audit.recordDurably(auditEvent(exchange, 'start')),
    fault: (exchange, error) =>
      log.error(
        { err: error, requestId: exchange.requestId },
        'a request failed inside the gateway',
      ),
    refusedConnection: (why, address) => {
      figures.connections.inc({ reason: why })
      if (address !== undefined) turnedAway.add(why, address)
    },
    flush: () => turnedAway.flush(),
    refusedBytes: ({ requestId, address, refusal }) => {
      figures.refusals.inc({ code: refusal.code })
      record({
        action: 'gateway.request',
        userId: null,
        ...refusalFacts(refusal),
        client: { ip: address },
        http: { request: { id: requestId }, response: { status_code: refusal.status } },
      })
    },
    tokenAsked: (cached) => {
      if (cached) hits.value++
      else misses.value++
    },
    upstreamFailed: (service, why) => {
      figures.upstream.inc({ service, reason: why })
      log.debug({ service, why }, 'an instance did not answer')
    },
    breaker: (service, instance, state) => {
      figures.breakers.set(
        { service, instance },
        state === 'open' ? 1 : state === 'half-open' ? 0.5 : 0,
      )
      log.warn({ service, instance, state }, 'circuit breaker changed')
    },
    tunnelOpened: () => {
      figures.tunnels.inc()
      return ({ toService, toClient }) => {
        figures.tunnels.dec()
        figures.tunnelBytes.inc({ direction: 'to_service' }, toService)
        figures.tunnelBytes.inc({ direction: 'to_client' }, toClient)
      }
    },
    instanceGone: (service, instance) => figures.breakers.remove({ service, instance }),
    configured: (version) => figures.version.set(version),
    configurationNotes: (notes) => log.warn({ notes }, 'parts of the configuration have no effect'),
    certified: (notAfter) => figures.expiry.set(notAfter / 1000),
    routes: ({ routes, disputed }) => {
      figures.routeCount.set(routes)
      log.info({ routes }, 'routes changed')
      if (disputed.length > 0)
        log.warn({ disputed }, 'paths are claimed by two services; the first owner keeps them')
    },
  }
}

const RULES: Readonly<Record<string, string>> = {
  handshake: 'connection: the handshake of TLS has to succeed',
  pipeline: 'connection: so many requests may wait for their answers',
  proxy_header: 'connection: a trusted peer tells the source',
}

function endSpan(spans: Spans, exchange: Exchange): void {
  const { route, traceId, spanId, status, startedAt, method } = exchange
  spans.end({
    name: route?.label ?? 'gateway.request',
    trace: { traceId, spanId, parentId: undefined, sampled: true },
    startedAt: performance.timeOrigin + startedAt,
    durationMs: performance.now() - startedAt,
    attributes: { 'http.request.method': method, 'http.response.status_code': status },
    failed: status >= 500,
  })
}

function createFigures(metrics: Workload['metrics']) {
  const refusals = metrics.counter('countersign_refusals_total', 'Refused requests', ['code'])
  return {
    refusals,
    routes: new RouteFigures(metrics),
    tokens: new Tally(metrics.registry, {
      name: 'countersign_gateway_token_cache_total',
      help: 'Tokens by whether their verdict was cached',
    }),
    connections: metrics.counter(
      'countersign_gateway_connections_refused_total',
      'Connections that ended before there was a request',
      ['reason'],
    ),
    upstream: metrics.counter(
      'countersign_upstream_failures_total',
      'Calls that an instance did not answer',
      ['service', 'reason'],
    ),
    tunnels: metrics.gauge('countersign_gateway_tunnels', 'Connections that speak WebSocket'),
    tunnelBytes: metrics.counter(
      'countersign_gateway_tunnel_bytes_total',
      'Bytes that have passed connections which have ended',
      ['direction'],
    ),
    breakers: metrics.gauge(
      'countersign_breaker_open',
      '1 while an instance gets no calls, 0.5 while it is tried',
      ['service', 'instance'],
    ),
    expiry: metrics.gauge(
      'countersign_public_certificate_expiry_timestamp_seconds',
      'When the certificate of the public door ends',
    ),
    version: metrics.gauge(
      'countersign_gateway_configuration_version',
      'Version of the configuration that is served',
    ),
    routeCount: metrics.gauge('countersign_gateway_routes', 'Routes from contracts and operators'),
  }
}
