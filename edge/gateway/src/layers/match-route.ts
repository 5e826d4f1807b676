import { Refusal } from '@countersign/layers'
import { askedOf } from '../asked-of.ts'
import type { Layer } from '../compose.ts'
import { isGrpcType } from '../domain/grpc.ts'
import type { Matched } from '../domain/match-route.ts'
import type { Asked } from '../domain/operator/arm.ts'
import type { Exchange } from '../exchange.ts'
import { checkDeclaredLength } from '../forward/read-body.ts'
import { PluginExchange } from '../plugins/plugin-exchange.ts'
import { sameName } from '../plugins/headers.ts'
import type { Routes } from '../routes.ts'

/**
 * An unlisted route ends here, before any cryptography; so does a body that says itself that it is too large. The request
 * keeps the configuration of this moment to its end.
 */
export const matchRoute =
  (routes: Routes, hosts: ReadonlySet<string>): Layer =>
  (exchange, next) => {
    if (!routes.configured) throw unconfigured()
    const ourHost = hosts.has(exchange.host)
    const asked = askedOf(exchange)
    const found = routes.match(asked, ourHost)
    if (!found.found) {
      const refusal = unmatched(exchange.method, found.allow)
      const meant = found.allow.length > 0 ? meantByPreflight(asked) : undefined
      const other = meant === undefined ? undefined : routes.match(meant, ourHost)
      if (other?.found !== true) throw refusal
      enter(exchange, other, routes)
      // Only a plugin can answer what no route has.
      if (exchange.plugins === undefined) throw refusal
      exchange.preflight = refusal
      return next(exchange)
    }
    enter(exchange, found, routes)
    checkProtocol(exchange, found)
    checkDeclaredLength(exchange.request, found.route.endpoint.bodyBytesMax)
    return next(exchange)
  }

function enter(
  exchange: Exchange,
  found: Extract<Matched, { readonly found: true }>,
  { live }: Routes,
): void {
  exchange.hold(live)
  exchange.route = found.route
  exchange.cut = found.cut
  exchange.captures = found.captures
  const chain = live.chainFor(found.route, found.platform)
  if (chain !== undefined) exchange.plugins = new PluginExchange(exchange, chain)
}

/** A preflight request (Fetch standard, section 3.3.2) asks for another method: whose route it is that one's plugins say. */
function meantByPreflight(asked: Asked): Asked | undefined {
  if (asked.method !== 'OPTIONS') return undefined
  const { headers } = asked
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (sameName(headers[i] ?? '', 'access-control-request-method'))
      return { ...asked, method: headers[i + 1] ?? '' }
  return undefined
}

/** Whether the route is for what is asked. Throws `Refusal`. */
export function checkProtocol(
  exchange: Exchange,
  found: Extract<Matched, { readonly found: true }>,
): void {
  checkGrpc(exchange, found)
  checkWebSocketRoute(exchange, found)
}

/** As Kong: a route for gRPC is found by others, and the other way round, and both hear what is wrong. */
function checkGrpc(
  exchange: Exchange,
  { route }: Extract<Matched, { readonly found: true }>,
): void {
  const wants = route.operator?.grpc
  if (wants === undefined || wants === 'also') return
  const isGrpc = isGrpcType(exchange.request.header('content-type'))
  if (wants === 'never' && !isGrpc) return
  const rule = `${route.origin}: ${wants === 'only' ? 'gRPC only' : 'no gRPC'}`
  const remedy = 'correct the protocols of the route, or send what it is for'
  if (wants === 'never' || !isGrpc)
    throw new Refusal('MEDIA_TYPE', {
      message: isGrpc
        ? 'gRPC request matched non-gRPC route'
        : 'Non-gRPC request matched gRPC route',
      ...{ rule, remedy },
    })
  if (exchange.request.version === '2') return
  const headers = { upgrade: 'HTTP/2' }
  throw new Refusal('UPGRADE_REQUIRED', {
    ...{ rule, remedy, headers },
    message: 'Please use HTTP2 protocol',
  })
}

/** No tunnel unless the route says so; and where it is for nothing else, the others hear what is wrong. */
function checkWebSocketRoute(
  exchange: Exchange,
  { route }: Extract<Matched, { readonly found: true }>,
): void {
  const wants = route.operator?.webSocket ?? 'never'
  const asks = exchange.request.upgrade !== undefined
  if (asks && wants === 'never')
    throw new Refusal('REQUEST_INVALID', {
      detail: 'A change of protocol is not possible here.',
      rule: `${route.origin}: no WebSocket`,
      remedy: 'add wss to the protocols of the route',
    })
  if (asks || wants !== 'only') return
  throw new Refusal('UPGRADE_REQUIRED', {
    message: 'Please use WebSocket',
    rule: `${route.origin}: WebSocket only`,
    remedy: 'add https to the protocols of the route, or ask for a change to WebSocket',
    headers: { upgrade: 'websocket' },
  })
}

const unconfigured = (): Refusal =>
  new Refusal('STARTING', {
    detail: 'This gateway has no configuration yet. Try again in a moment.',
    rule: 'gateway: nothing passes before the first configuration',
    remedy: 'see that the control plane runs: countersign status',
    headers: { 'retry-after': '1' },
  })

function unmatched(method: string, allow: readonly string[]): Refusal {
  if (allow.length === 0)
    return new Refusal('ROUTE_UNKNOWN', {
      message: 'no Route matched with those values',
      rule: 'gateway: no contract and no route of an operator has this path',
      remedy: "declare an endpoint at this path with 'gateway' among its callers, or add a route",
    })
  return new Refusal('METHOD_NOT_ALLOWED', {
    rule: `gateway: this path is not declared for ${method}`,
    remedy: `use ${allow.join(' or ')}`,
    headers: { allow: allow.join(', ') },
  })
}
