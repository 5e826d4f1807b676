import { invariant } from '@countersign/ground/errors'
import type { EndpointDescriptor } from '@countersign/contract'
import type { Id, Service as KongService } from '@countersign/kong'
import { joinPath, type Rewrite } from './operator/upstream-path.ts'

/** One way through the door. */
export interface Route {
  /** Who answers: name of a service in the registry; for an operator's route the host of the Kong service. */
  readonly service: string
  readonly endpoint: EndpointDescriptor
  /** `<service>.<endpoint>`: in metrics, limits and audit events. */
  readonly label: string
  /** Where it was declared: the contract of the service, or an operator's route with its id. For records. */
  readonly origin: string
  /** Set for the routes of operators. */
  readonly operator?: OperatorRoute
  /** Which chain of plugins it has, in the compiled configuration; `undefined`: none. */
  readonly chain?: number | undefined
  /** An endpoint of the mesh that a public one would also match: for the public there is nothing here. */
  readonly closed?: true
}

/** What a Kong entity says of a route beyond what all routes have. */
export interface OperatorRoute {
  readonly id: Id
  readonly name: string
  /** `undefined`: the route has none, and only a plugin can answer. */
  readonly kongService: KongService | undefined
  readonly rewrite: Rewrite
  /** The service gets the Host that the client sent; otherwise its own. */
  readonly preserveHost: boolean
  /** gRPC only, and everything but gRPC: Kong tells the others so. */
  readonly grpc: 'only' | 'never' | 'also'
  /** The service speaks HTTP/2. */
  readonly overH2: boolean
  /** Whether a change to WebSocket is let pass, and whether anything else is. */
  readonly webSocket: 'only' | 'never' | 'also'
  /** The limit of the house applies: no plugin has one of its own. */
  readonly limited: boolean
}

/** The path as the service gets it; `undefined` where it would not be canonical. */
export function upstreamPath(route: Route, path: string, cut: number): string | undefined {
  return route.operator === undefined ? path : joinPath(route.operator.rewrite, path, cut)
}

export function contractRoute(service: string, endpoint: EndpointDescriptor): Route {
  const label = `${service}.${endpoint.name}`
  return { service, endpoint, label, origin: `contract ${label}` }
}

/** The route of an exchange that has passed the layer which finds it. */
export function routeOf(exchange: { readonly route: Route | undefined }): Route {
  invariant(exchange.route !== undefined, 'a layer behind matchRoute has a route')
  return exchange.route
}
